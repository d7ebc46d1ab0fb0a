package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import java.nio.FloatBuffer;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What phase 2 trains and tests on: the features of both sets, computed at the switch and again
 * where the hidden layers have moved.
 */
public final class PhaseTwoFeatures implements AutoCloseable {

  private final TrainingState state;
  private final OutputProblem train;
  private final OutputProblem test;
  private double sigmaMax;
  private Optional<ByteString> sha256 = Optional.empty();

  /** Computes the features of both sets. */
  PhaseTwoFeatures(TrainingState state, DenseLinearAlgebra algebra) {
    this.state = state;
    this.train = problem(state, state.data().train(), algebra);
    this.test = problem(state, state.data().test(), algebra);
    this.sigmaMax = train.frobeniusNorm();
  }

  private static OutputProblem problem(
      TrainingState state, Samples samples, DenseLinearAlgebra algebra) {
    Matrix features = Features.compute(state.network(), state.parameters(), samples);
    return new OutputProblem(
        features, samples.labels(), state.network().classes(), state.loss(), algebra);
  }

  /** The convex problem that phase 2 solves. */
  OutputProblem train() {
    return train;
  }

  /** The same on the test set. */
  OutputProblem test() {
    return test;
  }

  /** SHA-256 of the training features. */
  ByteString sha256() {
    ByteString digest = sha256.orElseGet(() -> ByteString.copyFrom(train.features().sha256()));
    sha256 = Optional.of(digest);
    return digest;
  }

  /** An upper bound on ‖Φ‖₂ of the training features. */
  double sigmaMax() {
    return sigmaMax;
  }

  /** Takes what was proven about ‖Φ‖₂, if anything was; ‖Φ‖_F is a bound, too. */
  void proven(OptionalDouble sigmaMaxUpperBound) {
    double norm = train.frobeniusNorm();
    double bound = sigmaMaxUpperBound.orElse(norm);
    sigmaMax = bound > 0 ? Math.min(bound, norm) : norm;
  }

  /** Computes the training features anew, for the parameters as they are now. */
  void recomputeTraining() {
    recompute(train, state.data().train());
    sha256 = Optional.empty();
    sigmaMax = train.frobeniusNorm();
  }

  /** Computes the test features anew. */
  void recomputeTest() {
    recompute(test, state.data().test());
  }

  private void recompute(OutputProblem problem, Samples samples) {
    Features.recompute(state.network(), state.parameters(), samples, problem.features());
    problem.featuresChanged();
  }

  /**
   * The sentence that a guarantee must add about its reach, with a space before it; empty if there
   * is none.
   */
  String scope() {
    return state.network().analytic()
        ? ""
        : " The activation is not real-analytic: this is about these hidden weights alone and says nothing about others.";
  }

  /**
   * The output layer's parameters as V = [W; b], (m_H + 1) × K: how they lie in memory, widened.
   */
  public static Matrix outputLayer(Parameters parameters, int classes) {
    ParameterLayout layout = parameters.layout();
    int first = layout.hiddenLength();
    Matrix v = Matrix.allocate((layout.length() - first) / classes, classes);
    float[] row = new float[classes];
    for (int i = 0; i < v.rows(); i++) {
      parameters.values().get(first + i * classes, row);
      v.setRow(i, 0, row, 0, classes);
    }
    return v;
  }

  /** Rounds V, times a factor, to the output layer's part of the parameters. */
  static void setOutputLayer(Matrix v, double factor, Parameters parameters) {
    FloatBuffer values = parameters.values();
    int next = parameters.layout().hiddenLength();
    double[] row = new double[Math.toIntExact(v.columns())];
    for (long i = 0; i < v.rows(); i++) {
      v.getRow(i, 0, row, 0, row.length);
      for (double value : row) {
        values.put(next++, (float) (factor * value));
      }
    }
  }

  @Override
  public void close() {
    train.close();
    test.close();
  }
}

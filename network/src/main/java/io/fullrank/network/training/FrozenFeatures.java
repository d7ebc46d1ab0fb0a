package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.DenseLinearAlgebra;
import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.network.data.Samples;
import io.fullrank.network.model.Features;
import io.fullrank.network.model.ParameterLayout;
import io.fullrank.network.model.Parameters;
import java.nio.FloatBuffer;

/**
 * What phase 2 trains and tests on: the features of both sets with the hidden layers frozen,
 * computed once.
 *
 * @param train the convex problem that phase 2 solves
 * @param test the same on the test set
 * @param sha256 SHA-256 of the training features
 * @param analytic whether the network is real-analytic in its parameters
 */
record FrozenFeatures(OutputProblem train, OutputProblem test, ByteString sha256, boolean analytic)
    implements AutoCloseable {

  static FrozenFeatures of(TrainingState state, DenseLinearAlgebra algebra) {
    OutputProblem train = problem(state, state.data().train(), algebra);
    OutputProblem test = problem(state, state.data().test(), algebra);
    return new FrozenFeatures(
        train, test, ByteString.copyFrom(train.features().sha256()), state.network().analytic());
  }

  /** What a guarantee must add about its reach; empty or a sentence with a space before it. */
  String scope() {
    return analytic
        ? ""
        : " The activation is not real-analytic: this is about these hidden weights alone and says nothing about others.";
  }

  private static OutputProblem problem(
      TrainingState state, Samples samples, DenseLinearAlgebra algebra) {
    FeatureMatrix features = Features.compute(state.network(), state.parameters(), samples);
    return new OutputProblem(
        features, samples.labels(), state.network().classes(), state.loss(), algebra);
  }

  /**
   * The output layer's parameters as V = [W; b], (m_H + 1) × K: how they lie in memory, widened.
   */
  static FeatureMatrix outputLayer(Parameters parameters, int classes) {
    ParameterLayout layout = parameters.layout();
    int first = layout.hiddenLength();
    FeatureMatrix v = FeatureMatrix.allocate((layout.length() - first) / classes, classes);
    float[] row = new float[classes];
    for (int i = 0; i < v.rows(); i++) {
      parameters.values().get(first + i * classes, row);
      v.setRow(i, 0, row, 0, classes);
    }
    return v;
  }

  /** Rounds V, times a factor, to the output layer's part of the parameters. */
  static void setOutputLayer(FeatureMatrix v, double factor, Parameters parameters) {
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

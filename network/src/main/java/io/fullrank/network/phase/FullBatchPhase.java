package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Phase 2 by a solver that sees all rows at once, in float64, without weight decay. Snapshots hold
 * the output layer rounded to float32; losses and errors are those of these published weights.
 */
abstract class FullBatchPhase implements PhaseTwo {

  private static final String OUTPUT_LAYER = "output-layer";
  private static final String GRADIENT_SUM = "gradient-sum";

  private final TrainingState state;
  private final PhaseTwoFeatures features;

  /** V = [W; b], c × K. */
  private final Matrix v;

  /** ΦᵀR of the last step, n times the gradient, c × K; none before the first step. */
  private Optional<Matrix> lastGradientSum = Optional.empty();

  FullBatchPhase(TrainingState state, PhaseTwoFeatures features) {
    this.state = state;
    this.features = features;
    this.v = PhaseTwoFeatures.outputLayer(state.parameters(), state.network().classes());
  }

  PhaseTwoFeatures features() {
    return features;
  }

  /** Whether a step has been done. */
  boolean hasStepped() {
    return lastGradientSum.isPresent();
  }

  /** V, which the steps change. */
  Matrix outputLayer() {
    return v;
  }

  /**
   * Takes what a step saw.
   *
   * @param step its number, counted from 0
   * @throws DivergenceException if the loss is not finite
   */
  void seen(long step, OutputProblem.Descent descent) throws DivergenceException {
    lastGradientSum.ifPresent(Matrix::close);
    lastGradientSum = Optional.of(descent.gradientSum());
    state.requireFinite(step, "training loss", descent.loss());
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    try (Matrix published = published()) {
      state.requireFiniteParameters(step);
      Evaluation evaluation = features.train().evaluate(published);
      state.requireFinite(step, "training loss", evaluation.loss());
      return evaluation;
    }
  }

  @Override
  public Evaluation evaluateTest() {
    try (Matrix published = published()) {
      return features.test().evaluate(published);
    }
  }

  @Override
  public double lossUpperBound() {
    try (Matrix published = published()) {
      return features.train().lossUpperBound(published);
    }
  }

  /** V as snapshots hold it: rounded to float32, which the parameters take up, and widened. */
  private Matrix published() {
    PhaseTwoFeatures.setOutputLayer(v, 1, state.parameters());
    return PhaseTwoFeatures.outputLayer(state.parameters(), state.network().classes());
  }

  @Override
  public double lossInfimum() {
    return state.loss().infimum();
  }

  @Override
  public List<Tensor> weights() {
    PhaseTwoFeatures.setOutputLayer(v, 1, state.parameters());
    return state.parameters().toTensors();
  }

  @Override
  public List<Tensor> gradients() {
    if (lastGradientSum.isEmpty()) {
      return List.of();
    }
    PhaseTwoFeatures.setOutputLayer(
        lastGradientSum.get(), 1.0 / features.train().rows(), state.gradient());
    return state.gradient().outputToTensors();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return lastGradientSum.stream()
        .map(
            sum ->
                LayerNorm.newBuilder()
                    .setLayer("output")
                    .setNorm(OutputProblem.frobeniusNorm(sum) / features.train().rows())
                    .build())
        .toList();
  }

  @Override
  public ByteString featuresSha256() {
    return features.sha256();
  }

  @Override
  public PhaseMemory memory() {
    Map<String, double[]> numbers = new LinkedHashMap<>();
    numbers.put(OUTPUT_LAYER, features.train().toArray(v));
    lastGradientSum.ifPresent(sum -> numbers.put(GRADIENT_SUM, features.train().toArray(sum)));
    remember(numbers);
    return new PhaseMemory(numbers);
  }

  @Override
  public void restore(PhaseMemory memory) {
    long entries = v.rows() * v.columns();
    features.train().setEntries(v, memory.vector(OUTPUT_LAYER, entries));
    if (memory.has(GRADIENT_SUM)) {
      lastGradientSum =
          Optional.of(features.train().toMatrix(memory.vector(GRADIENT_SUM, entries)));
    }
    recall(memory);
  }

  /**
   * Adds what the solver remembers besides V and its gradient.
   *
   * @param numbers (modified) vectors by name
   */
  abstract void remember(Map<String, double[]> numbers);

  /** Takes up what {@link #remember} added, with V and its gradient in place. */
  abstract void recall(PhaseMemory memory);

  @Override
  public void close() {
    v.close();
    lastGradientSum.ifPresent(Matrix::close);
    features.close();
  }
}

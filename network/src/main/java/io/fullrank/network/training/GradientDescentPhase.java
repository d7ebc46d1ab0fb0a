package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.network.model.Evaluation;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Phase 2 by full-batch gradient descent on the output layer, in float64, with step 1/s for s =
 * L_ℓσ²/n, where σ is an upper bound on ‖Φ‖₂: the certificate's or, if that is smaller or there is
 * none, ‖Φ‖_F. Each step sees all rows; there is no weight decay.
 */
final class GradientDescentPhase implements PhaseTwo {

  private final TrainingState state;
  private final FrozenFeatures features;
  private final long switchStep;
  private final long totalSteps;
  private final double rows;

  /** V = [W; b], c × K. */
  private final FeatureMatrix v;

  /** ΦᵀR of the last step, n times the gradient, c × K; none before the first step. */
  private Optional<FeatureMatrix> lastGradientSum = Optional.empty();

  private double smoothness;

  GradientDescentPhase(
      TrainingState state, FrozenFeatures features, long switchStep, long totalSteps) {
    this.state = state;
    this.features = features;
    this.switchStep = switchStep;
    this.totalSteps = totalSteps;
    this.rows = features.train().rows();
    this.v = FrozenFeatures.outputLayer(state.parameters(), state.network().classes());
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    double sigmaMax =
        judged
            .certificate()
            .filter(Certificate::hasSigmaMaxUpperBound)
            .map(Certificate::getSigmaMaxUpperBound)
            .filter(sigma -> sigma > 0)
            .map(sigma -> Math.min(sigma, features.train().frobeniusNorm()))
            .orElse(features.train().frobeniusNorm());
    smoothness = features.train().smoothness(sigmaMax);
    Guarantee.Builder guarantee =
        Guarantee.newBuilder()
            .setSolver("gradient-descent")
            .setSmoothness(smoothness)
            .setLossInfimum(lossInfimum());
    if (judged.certificate().isEmpty()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason(judged.reason())
          .build();
    }
    GradientDescentBound bound =
        new GradientDescentBound(features.train(), v, sigmaMax, totalSteps - switchStep);
    OptionalDouble loss = bound.loss();
    if (loss.isEmpty()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason("the rounding errors of this problem's gradients are too large for a bound")
          .build();
    }
    return guarantee
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND)
        .setLossBound(loss.getAsDouble())
        .setText(text(bound, loss.getAsDouble()))
        .build();
  }

  private String text(GradientDescentBound bound, double loss) {
    OptionalLong halving = bound.iterationsToHalve();
    return ("The features as computed have full rank, so the infimum of the loss over all layers is that of the output layer alone. "
                + "Gradient descent with step 1/s brings the training loss to at most %s at step %d, rounding included.")
            .formatted(rounded(loss, RoundingMode.CEILING), totalSteps)
        + (halving.isPresent()
            ? " %d steps suffice to halve the loss of %s at step %d."
                .formatted(
                    halving.getAsLong(),
                    rounded(bound.startLoss(), RoundingMode.HALF_EVEN),
                    switchStep)
            : "")
        + features.scope();
  }

  private static String rounded(double value, RoundingMode mode) {
    return new BigDecimal(value).round(new MathContext(4, mode)).toString();
  }

  @Override
  public double learningRate(long step) {
    return 1 / smoothness;
  }

  @Override
  public void step(long step) throws DivergenceException {
    OutputProblem.Descent descent = features.train().descend(v, smoothness);
    lastGradientSum.ifPresent(FeatureMatrix::close);
    lastGradientSum = Optional.of(descent.gradientSum());
    state.requireFinite(step, "training loss", descent.loss());
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    FrozenFeatures.setOutputLayer(v, 1, state.parameters());
    state.requireFiniteParameters(step);
    Evaluation evaluation = features.train().evaluate(v);
    state.requireFinite(step, "training loss", evaluation.loss());
    return evaluation;
  }

  @Override
  public Evaluation evaluateTest() {
    return features.test().evaluate(v);
  }

  @Override
  public double lossUpperBound() {
    return features.train().lossUpperBound(v);
  }

  @Override
  public double lossInfimum() {
    return state.loss().infimum();
  }

  @Override
  public List<Tensor> weights() {
    FrozenFeatures.setOutputLayer(v, 1, state.parameters());
    return state.parameters().toTensors();
  }

  @Override
  public List<Tensor> gradients() {
    if (lastGradientSum.isEmpty()) {
      return List.of();
    }
    FrozenFeatures.setOutputLayer(lastGradientSum.get(), 1 / rows, state.gradient());
    return state.gradient().outputToTensors();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return lastGradientSum.stream()
        .map(
            sum ->
                LayerNorm.newBuilder()
                    .setLayer("output")
                    .setNorm(OutputProblem.frobeniusNorm(sum) / rows)
                    .build())
        .toList();
  }

  @Override
  public ByteString featuresSha256() {
    return features.sha256();
  }

  @Override
  public void close() {
    v.close();
    lastGradientSum.ifPresent(FeatureMatrix::close);
    features.close();
  }
}

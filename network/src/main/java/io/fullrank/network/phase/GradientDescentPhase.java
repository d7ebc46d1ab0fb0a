package io.fullrank.network.phase;

import io.fullrank.network.guarantee.FirstOrderBound;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Verdict;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Phase 2 by full-batch gradient descent on the output layer, plain or accelerated, with step 1/s
 * for s = L_ℓσ²/n, where σ is an upper bound on ‖Φ‖₂: the certificate's or, if that is smaller or
 * there is none, ‖Φ‖_F.
 */
final class GradientDescentPhase extends FullBatchPhase {

  private static final String SIGMA_MAX = "largest-singular-value";

  private final PhaseTwoFeatures features;
  private final DescentMethod method;
  private final long switchStep;
  private final long totalSteps;

  GradientDescentPhase(
      TrainingState state,
      PhaseTwoFeatures features,
      DescentMethod method,
      long switchStep,
      long totalSteps) {
    super(state, features);
    this.features = features;
    this.method = method;
    this.switchStep = switchStep;
    this.totalSteps = totalSteps;
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    features.proven(judged.sigmaMaxUpperBound());
    Guarantee.Builder guarantee =
        Guarantee.newBuilder()
            .setSolver(solver())
            .setSmoothness(smoothness())
            .setLossInfimum(lossInfimum());
    if (judged.certificate().isEmpty()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason(judged.reason())
          .build();
    }
    FirstOrderBound bound =
        method.bound(features.train(), outputLayer(), features.sigmaMax(), totalSteps - switchStep);
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

  private String text(FirstOrderBound bound, double loss) {
    OptionalLong halving = bound.iterationsToHalve();
    return ("The features as computed have full rank, so the infimum of the loss over all layers is that of the output layer alone. "
                + "%s with step 1/s, on unaugmented rows and without weight decay, ends at step %d with a training loss of at most %s: "
                + "that of the float64 output layer rounded to float32 as published, all rounding included.")
            .formatted(method.description(), totalSteps, rounded(loss, RoundingMode.CEILING))
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

  /** s, for the features as they are. */
  private double smoothness() {
    return features.train().smoothness(features.sigmaMax());
  }

  @Override
  public String solver() {
    return method.solver();
  }

  @Override
  public double learningRate(long step) {
    return 1 / smoothness();
  }

  @Override
  public void step(long step) throws DivergenceException {
    seen(step, method.step(features.train(), outputLayer(), smoothness()));
  }

  @Override
  void remember(Map<String, double[]> numbers) {
    numbers.put(SIGMA_MAX, new double[] {features.sigmaMax()});
    method.remember(features.train(), numbers);
  }

  @Override
  void recall(PhaseMemory memory) {
    features.proven(OptionalDouble.of(memory.number(SIGMA_MAX)));
    method.recall(features.train(), outputLayer(), memory);
  }

  @Override
  public void close() {
    method.close();
    super.close();
  }
}

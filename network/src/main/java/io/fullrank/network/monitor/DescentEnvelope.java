package io.fullrank.network.monitor;

import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Snapshot;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Whether what DLLWZ18 prove (Theorems 5.1 and 6.1) applies at a step k: loss(k) ≤ (1 − ηλ_0/2)^k
 * loss(0) for gradient descent with step η on ½Σ‖f − y‖², where λ_min(G(0)) ≥ ¾λ_0 and λ_min(G) ≥
 * λ_0/2 at all steps up to k. The training loss here is the mean over n rows, so that a learning
 * rate is nη.
 *
 * <p>The two conditions are decided with proven bounds. Three things are not: that the second one
 * holds at steps between snapshots, that η is as small as the theorems ask for without naming a
 * number, and that the output layer's bias, which the theory has not, only helps.
 *
 * @param initial whether λ_min(G(0)) ≥ ¾λ_0
 * @param now whether λ_min(G(k)) ≥ λ_0/2
 * @param loss the envelope, (1 − ηλ/2)^k loss(0) with the proven lower bound λ on λ_0; present
 *     where both conditions are proven, and the run is one of gradient descent
 * @param missing what the theory is not about in this run; empty if it is about all of it
 */
public record DescentEnvelope(
    Condition initial, Condition now, OptionalDouble loss, String missing) {

  /** What is known of a condition. */
  public enum Condition {
    PROVEN("is proven"),
    REFUTED("is refuted"),
    OPEN("is not proven");

    private final String words;

    Condition(String words) {
      this.words = words;
    }
  }

  /**
   * Decides what applies to a snapshot.
   *
   * @param population λ_0, if it is known
   * @param start G(0)
   * @param kernel G(k)
   */
  public static DescentEnvelope of(
      Snapshot snapshot,
      Optional<PopulationKernel> population,
      LastHiddenKernel start,
      LastHiddenKernel kernel) {
    if (population.isEmpty()) {
      return new DescentEnvelope(
          Condition.OPEN,
          Condition.OPEN,
          OptionalDouble.empty(),
          "λ_0 is not known of convolutions, and of the activations gelu and relu");
    }
    ExperimentSpec spec = snapshot.getHeader().getSpec();
    PopulationKernel known = population.get();
    Condition initial = condition(start, 0.75, known);
    Condition now = condition(kernel, 0.5, known);
    String missing = missing(spec.getAlgorithm(), snapshot.getPhase());
    boolean applies =
        initial == Condition.PROVEN
            && now == Condition.PROVEN
            && missing.isEmpty()
            && known.lowerBound() > 0;
    return new DescentEnvelope(
        initial,
        now,
        applies
            ? OptionalDouble.of(
                start.loss()
                    * Math.pow(
                        1
                            - spec.getAlgorithm().getGradientDescent().getLearningRate()
                                * known.lowerBound()
                                / (2 * known.entries().length),
                        snapshot.getStep()))
            : OptionalDouble.empty(),
        missing);
  }

  private static Condition condition(
      LastHiddenKernel kernel, double fraction, PopulationKernel population) {
    if (kernel.lambdaMinLowerBound() >= Math.nextUp(fraction * population.upperBound())) {
      return Condition.PROVEN;
    }
    return kernel.isSingular() && population.lowerBound() > 0 ? Condition.REFUTED : Condition.OPEN;
  }

  private static String missing(AlgorithmSpec algorithm, Phase phase) {
    GradientDescent descent = algorithm.getGradientDescent();
    if (!algorithm.hasGradientDescent()
        || !descent.getSchedule().hasConstant()
        || descent.getSchedule().getWarmUpEpochs() != 0
        || descent.getWeightDecay() != 0) {
      return "the envelope is about gradient-descent with a constant learning rate and no weight decay";
    }
    return phase == Phase.PHASE_TWO ? "the envelope is about training of all layers" : "";
  }

  /** Says what is known, in one sentence. */
  public String words() {
    if (initial == Condition.OPEN && now == Condition.OPEN && !missing.isEmpty()) {
      return missing;
    }
    return "λ_min(G(0)) ≥ ¾λ_0 %s, λ_min(G(k)) ≥ λ_0/2 %s%s"
        .formatted(initial.words, now.words, missing.isEmpty() ? "" : "; " + missing);
  }
}

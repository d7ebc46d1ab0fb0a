package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.HiddenLayersPosition;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Phase 2 with hidden layers that move and keep the rank (theory §3, §5): a solver trains the
 * output layer on the features, step by step as if the hidden layers were frozen, and after the
 * last step of every epoch these move along the gradient of the loss over the whole training set.
 *
 * <p>Every move leaves the features in the {@link CertifiedNeighbourhood}. So at every step of
 * phase 2 the features as computed have full rank, whatever a verdict on a later snapshot says.
 *
 * <p>Where more than half of the radius is used up, a new verdict is wanted. Unless it is a
 * certificate of exactly these features with a bound, the hidden layers stay where they are from
 * then on, and what was proven of their features stays proven.
 *
 * <p>After a restart the features are computed again, those of the last certificate and those that
 * training has come to. Both are compared with what the checkpoint has by their SHA-256, bit by bit
 * in effect, so that what was proven of them holds on; a run whose features differ is not resumed.
 *
 * <p>Takes half as much memory again as the training features, and an epoch's pass forward and
 * backward, one forward for each trial and one over the test set per epoch.
 */
final class RankPreservingPhase implements PhaseTwo {

  private final TrainingState state;
  private final PhaseTwoFeatures features;
  private final PhaseTwo output;
  private final long stepsPerEpoch;
  private final CertifiedNeighbourhood neighbourhood;
  private final HiddenLayerDescent hidden;

  /** Whether the gradient over the whole training set was taken after the last step. */
  private boolean fresh;

  /**
   * Prepares the phase.
   *
   * @param output trains the output layer on the same features; closed with this
   */
  RankPreservingPhase(
      TrainingState state,
      PhaseTwoFeatures features,
      PhaseTwo output,
      long switchStep,
      long stepsPerEpoch) {
    this.state = state;
    this.features = features;
    this.output = output;
    this.stepsPerEpoch = stepsPerEpoch;
    this.neighbourhood = new CertifiedNeighbourhood(state, features);
    this.hidden = new HiddenLayerDescent(state, features, state.base().learningRate(switchStep));
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    if (judged.sigmaMinLowerBound().isEmpty()) {
      Guarantee frozen = output.begin(verdict, timeout);
      return judged.certificate().isEmpty()
          ? frozen
          : with(frozen, "The hidden layers stay where they are: %s.".formatted(judged.noRadius()));
    }
    neighbourhood.moveTo(judged);
    return Guarantee.newBuilder()
        .setSolver(solver())
        .setLossInfimum(lossInfimum())
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setText(
            "The features as computed have full rank and keep it: hidden layers only move where the features' distance from "
                + "certified ones is proven to be less than the smallest singular value of those, rounding included. So at any "
                + "time training the output layer alone can bring the training loss as close as one likes to its infimum over all "
                + "layers, and the optimality gap of any iterate is at most its training loss minus that infimum. There is no "
                + "bound for a given step."
                + features.scope())
        .build();
  }

  @Override
  public boolean wantsVerdict() {
    return neighbourhood.isNearlyLeft();
  }

  @Override
  public Guarantee renew(Guarantee stated, long step, Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    if (judged.sigmaMinLowerBound().isPresent()) {
      neighbourhood.moveTo(judged);
      return stated;
    }
    neighbourhood.close();
    return with(
        stated,
        "From step %d on the hidden layers stay where they are: %s."
            .formatted(step, judged.noRadius()));
  }

  private static Guarantee with(Guarantee guarantee, String sentence) {
    return guarantee.toBuilder().setText((guarantee.getText() + " " + sentence).strip()).build();
  }

  @Override
  public void step(long step) throws DivergenceException {
    output.step(step);
    fresh = false;
    if (neighbourhood.isOpen() && (step + 1) % stepsPerEpoch == 0) {
      hidden.move(step + 1, output, neighbourhood);
      fresh = true;
    }
  }

  @Override
  public Guarantee conclude(Guarantee stated) {
    Guarantee concluded = PhaseTwo.super.conclude(stated);
    return neighbourhood.certificates() == 0
        ? concluded
        : with(
            concluded,
            "Hidden layers moved after %d of %d epochs, on %d certificates; the smallest singular value is at least %s at the end."
                .formatted(
                    hidden.moves(),
                    hidden.epochs(),
                    neighbourhood.certificates(),
                    new BigDecimal(neighbourhood.proven())
                        .round(new MathContext(4, RoundingMode.FLOOR))));
  }

  @Override
  public String solver() {
    return output.solver();
  }

  @Override
  public double learningRate(long step) {
    return output.learningRate(step);
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    return output.evaluateTraining(step);
  }

  @Override
  public Evaluation evaluateTest() {
    return output.evaluateTest();
  }

  @Override
  public double lossUpperBound() {
    return output.lossUpperBound();
  }

  @Override
  public double lossInfimum() {
    return output.lossInfimum();
  }

  @Override
  public List<Tensor> weights() {
    return output.weights();
  }

  @Override
  public List<Tensor> gradients() {
    return fresh ? state.gradient().trainedToTensors() : output.gradients();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return fresh
        ? state.layers().stream().map(state::gradientNorm).toList()
        : output.gradientNorms();
  }

  @Override
  public ByteString featuresSha256() {
    return features.sha256();
  }

  @Override
  public PhaseMemory memory() {
    Map<String, double[]> vectors = new LinkedHashMap<>(output.memory().numbers());
    HiddenLayersPosition.Builder position =
        HiddenLayersPosition.newBuilder().setGradientOfAllLayers(fresh);
    hidden.remember(position);
    neighbourhood.remember(position, vectors);
    return new PhaseMemory(vectors, Optional.of(position.build()));
  }

  @Override
  public void restore(PhaseMemory memory) {
    HiddenLayersPosition position =
        memory
            .hiddenLayers()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "it does not say where the hidden layers have come to: an older version wrote it"));
    fresh = position.getGradientOfAllLayers();
    hidden.recall(position);
    neighbourhood.recall(position, memory);
    output.restore(memory);
  }

  @Override
  public void close() {
    neighbourhood.close();
    output.close();
  }
}

package io.fullrank.samediff;

import io.fullrank.client.ExternalRun;
import io.fullrank.client.Features;
import io.fullrank.client.RunDescription;
import io.fullrank.client.WitnessGuarantee;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.Variable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Trains a SameDiff network in two phases (KS21, Algorithm 1) and reports it like {@link
 * SameDiffWatch}. After step τ it adds Gaussian noise to the hidden parameters, sends the features
 * of the training set as the witness, and waits a bounded time for the verdict. From then on the
 * hidden parameters keep their bits, whatever the optimiser would do to them, and the output layer
 * trains on. Give it to every {@code fit} of the run, and call {@link #finish} after the last.
 */
public final class SameDiffTwoPhase extends SameDiffWatch {

  private final Settings settings;
  private final Set<String> hidden;

  /** The features that phase 2 trains on; empty before the switch. */
  private Optional<Features> witness = Optional.empty();

  private Optional<Guarantee> stated = Optional.empty();

  /**
   * What the algorithm needs to know.
   *
   * @param totalSteps T
   * @param switchStep τ, at least 1 and less than T
   * @param noise standard deviation of what is added to each hidden parameter, at least 0
   * @param seed of the noise
   * @param verdictTimeout the longest wait at τ
   */
  public record Settings(
      long totalSteps, long switchStep, double noise, long seed, Duration verdictTimeout) {

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException naming the one that cannot be
     */
    public Settings {
      if (switchStep < 1 || switchStep >= totalSteps) {
        throw new IllegalArgumentException(
            "switch step %d: must be at least 1 and less than the %d steps of the run"
                .formatted(switchStep, totalSteps));
      }
      if (!(noise >= 0 && Double.isFinite(noise))) {
        throw new IllegalArgumentException(
            "noise %s: a standard deviation is at least 0".formatted(noise));
      }
    }

    /** Returns the description of a two-phase run with these settings. */
    public RunDescription describe(RunDescription run) {
      return run.totalSteps(totalSteps)
          .twoPhase(
              TwoPhaseSpec.newBuilder()
                  .setSwitchFraction((double) switchStep / totalSteps)
                  .setNoise(noise)
                  .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE)
                  .setVerdictTimeout(
                      com.google.protobuf.Duration.newBuilder()
                          .setSeconds(verdictTimeout.getSeconds())
                          .setNanos(verdictTimeout.getNano()))
                  .build(),
              switchStep);
    }
  }

  /**
   * Creates the listener of a run that begins.
   *
   * @param featuresEvery number of steps after which features are computed and sent besides the
   *     witness, in phase 1; 0 for never
   */
  public SameDiffTwoPhase(
      ExternalRun run, SameDiffNetwork network, int featuresEvery, Settings settings) {
    super(run, network, featuresEvery);
    this.settings = settings;
    this.hidden = Set.copyOf(network.hiddenParameters());
  }

  /** Returns what is guaranteed of phase 2; empty before the switch. */
  public Optional<Guarantee> guarantee() {
    return stated;
  }

  /**
   * Concludes the run after its last step: compares the features with those at the switch, bit for
   * bit, and bounds the loss of the output layer on them.
   *
   * @return the result to end the run with, to which errors may be added; its training loss is an
   *     upper bound, rounding included
   */
  public RunResult finish() {
    RunResult.Builder result = RunResult.newBuilder().setSteps(step());
    if (witness.isEmpty()) {
      return result.build();
    }
    Guarantee guarantee = stated.orElseThrow();
    double loss = network().lossUpperBound();
    if (Double.isFinite(loss)) {
      result.setFinalTrainLoss(loss);
    }
    if (guarantee.getStatement() != GuaranteeStatement.GUARANTEE_STATEMENT_NONE) {
      guarantee =
          network().computeFeatures().sha256().equals(witness.get().sha256())
              ? WitnessGuarantee.concluded(guarantee, step(), loss)
              : none(
                  "the features are no longer those of the witness: the hidden layers have changed"
                      + " since the switch");
    }
    return result.setGuarantee(guarantee).build();
  }

  @Override
  Phase phase() {
    return witness.isPresent() ? Phase.PHASE_TWO : Phase.PHASE_ONE;
  }

  @Override
  boolean trains(String parameter) {
    return witness.isEmpty() || !hidden.contains(parameter);
  }

  @Override
  void stepDone() {
    if (step() == settings.switchStep()) {
      switchPhases();
    } else if (witness.isEmpty()) {
      super.stepDone();
    }
  }

  @Override
  public void preUpdate(SameDiff graph, At at, Variable variable, INDArray update) {
    if (witness.isPresent() && hidden.contains(variable.getName())) {
      update.assign(0);
    }
  }

  private void switchPhases() {
    Random random = new Random(settings.seed());
    for (String parameter : network().hiddenParameters()) {
      INDArray array = network().array(parameter);
      double[] noise = new double[Math.toIntExact(array.length())];
      Arrays.setAll(noise, i -> settings.noise() * random.nextGaussian());
      array.addi(Nd4j.createFromArray(noise).reshape('c', array.shape()).castTo(array.dataType()));
    }
    Features features = network().computeFeatures();
    witness = Optional.of(features);
    send(features, true);
    Guarantee guarantee = awaitGuarantee(features);
    stated = Optional.of(guarantee);
    run().guarantee(guarantee);
  }

  private Guarantee awaitGuarantee(Features features) {
    try {
      Optional<Verdict> verdict = run().awaitVerdict(step(), settings.verdictTimeout());
      return at(
          WitnessGuarantee.stated(verdict, settings.verdictTimeout(), features, network().loss()));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return none("the wait for the verdict on the witness was interrupted");
    }
  }

  private Guarantee none(String reason) {
    return at(
        Guarantee.newBuilder()
            .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
            .setSolver("base")
            .setReason(reason)
            .build());
  }

  private Guarantee at(Guarantee guarantee) {
    return guarantee.toBuilder().setFromStep(settings.switchStep()).build();
  }
}

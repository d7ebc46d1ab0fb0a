package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.phase.AllLayersPhase;
import io.fullrank.network.phase.PhaseMemory;
import io.fullrank.network.phase.PhaseTwo;
import io.fullrank.network.phase.TrainingPhase;
import io.fullrank.network.phase.TwoPhaseTraining;
import io.fullrank.network.rule.Finding;
import io.fullrank.network.rule.RuleWatch;
import io.fullrank.network.state.BatchInputs;
import io.fullrank.network.state.MiniBatches;
import io.fullrank.network.state.PictureAugmentation;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.state.TrainingCheckpoint.Part;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TrainingPosition;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * One variant of an experiment with one seed. The same seed on the same machine gives the same
 * bits, and both variants see the same initial parameters and the same mini-batches.
 */
public final class TrainingRun {

  /**
   * One thread, for the reason that {@link SingleBlasThread} gives, and so that the same run on the
   * same machine gives the same bits.
   */
  private static final int BLAS_THREADS = 1;

  private final ExperimentSpec spec;
  private final Variant variant;
  private final long seed;
  private final DataSet data;
  private final Algorithms algorithms;
  private final Network network;
  private final LossFunction loss;
  private final int batchSize;
  private final long stepsPerEpoch;
  private final long totalSteps;

  /**
   * Prepares a run.
   *
   * @param spec a valid experiment
   * @param variant base or two-phase
   * @param data the experiment's data set
   * @throws IllegalArgumentException if the specification is incomplete or does not fit the data
   */
  public TrainingRun(ExperimentSpec spec, Variant variant, long seed, DataSet data) {
    this(spec, variant, seed, data, Algorithms.STANDARD);
  }

  /** Prepares a run by one of the algorithms that there are. */
  public TrainingRun(
      ExperimentSpec spec, Variant variant, long seed, DataSet data, Algorithms algorithms) {
    this.algorithms = algorithms;
    this.spec = spec;
    this.variant = variant;
    this.seed = seed;
    this.data = data;
    int classes = data.identity().getClasses();
    this.network = Network.of(spec.getNetwork(), data.train().shape(), classes);
    this.loss = LossFunction.of(spec.getLoss());
    requireRows("training", data.train(), classes);
    requireRows("test", data.test(), classes);
    this.batchSize =
        Math.min(BaseAlgorithm.batchSize(algorithms, spec.getAlgorithm()), data.train().rows());
    this.stepsPerEpoch = ((long) data.train().rows() + batchSize - 1) / batchSize;
    this.totalSteps = Math.multiplyExact(stepsPerEpoch, Integer.toUnsignedLong(spec.getEpochs()));
    if (totalSteps == 0) {
      throw new IllegalArgumentException("epochs: must be at least 1");
    }
  }

  private void requireRows(String what, Samples samples, int classes) {
    if (samples.rows() == 0) {
      throw new IllegalArgumentException("the %s set is empty".formatted(what));
    }
    if (samples.inputs() != network.inputs()) {
      throw new IllegalArgumentException(
          "the %s set has %d inputs per row, the training set %d"
              .formatted(what, samples.inputs(), network.inputs()));
    }
    for (int label : samples.labels()) {
      if (label < 0 || label >= classes) {
        throw new IllegalArgumentException(
            "the %s set has label %d, the data set has classes 0 to %d"
                .formatted(what, label, classes - 1));
      }
    }
  }

  /**
   * Returns the network's parameters before the first step, the same for both variants and on every
   * machine.
   */
  public Parameters initialParameters() {
    return initialParameters(new SplittableRandom(seed));
  }

  private Parameters initialParameters(SplittableRandom random) {
    Parameters parameters = network.initialParameters(random.nextLong());
    base().begin(parameters);
    return parameters;
  }

  private BaseAlgorithm base() {
    return BaseAlgorithm.of(
        algorithms, spec.getAlgorithm(), network.layout(), stepsPerEpoch, totalSteps);
  }

  /** Returns how many rows a step sees; the last of an epoch may see fewer. */
  public int batchSize() {
    return batchSize;
  }

  /** Returns T, the number of steps. */
  public long totalSteps() {
    return totalSteps;
  }

  /** Returns τ = ⌊switch fraction · T⌋; empty for a base run. */
  public OptionalLong switchStep() {
    return variant == Variant.VARIANT_TWO_PHASE
        ? OptionalLong.of((long) (spec.getTwoPhase().getSwitchFraction() * totalSteps))
        : OptionalLong.empty();
  }

  /**
   * Trains from the beginning and tells the observer.
   *
   * @return how it ended; its snapshot counts are not set. A run that diverges ends as FAILED with
   *     a reason
   */
  public RunResult train(TrainingObserver observer) {
    return SingleBlasThread.during(() -> new Execution(observer).run(0));
  }

  /**
   * Continues from a checkpoint, with the same bits as if the run had never stopped; the count of
   * seconds continues too.
   *
   * @param checkpoint of a run of the same experiment, variant, seed and data
   * @return as {@link #train}
   * @throws UnusableCheckpointException before the observer hears anything, if it does not fit this
   *     run, or this machine computes other features from its weights
   */
  public RunResult resume(TrainingCheckpoint checkpoint, TrainingObserver observer) {
    return SingleBlasThread.during(
        () -> {
          Execution execution = new Execution(observer);
          execution.restore(checkpoint);
          return execution.run(checkpoint.position().getStep());
        });
  }

  private final class Execution {
    private final TrainingObserver observer;
    private final long started = System.nanoTime();
    private final TrainingState state;
    private final Optional<TwoPhaseTraining> twoPhase;
    private TrainingPhase phase;

    /** The seconds that earlier attempts spent. */
    private double secondsBefore;

    /** The current phase from the switch on, which has a guarantee. */
    private PhaseTwo phaseTwo;

    private Guarantee guarantee;

    private final RuleWatch rules = new RuleWatch(spec.getRulesList());
    private final long ruleSeed;

    /** Whether a rule has acted since the last step. */
    private boolean acted;

    /** Why a rule ends the run, if one does. */
    private Optional<String> stop = Optional.empty();

    private Evaluation training;
    private Evaluation test;

    Execution(TrainingObserver observer) {
      this.observer = observer;
      // The order of the draws is the same for both variants, so that they differ in nothing else.
      SplittableRandom random = new SplittableRandom(seed);
      Parameters parameters = initialParameters(random);
      MiniBatches batches = new MiniBatches(data.train().rows(), batchSize, random.nextLong());
      Parameters gradient = Parameters.zeros(network.layout());
      this.state =
          new TrainingState(network, loss, data, batchSize, parameters, gradient, base(), batches);
      long perturbationSeed = random.nextLong();
      long augmentationSeed = random.nextLong();
      this.ruleSeed = random.nextLong();
      this.phase =
          new AllLayersPhase(
              state, new BatchInputs(data.train(), augmentation(augmentationSeed), batchSize));
      this.twoPhase =
          switchStep().isEmpty()
              ? Optional.empty()
              : Optional.of(
                  new TwoPhaseTraining(
                      spec.getTwoPhase(),
                      switchStep().getAsLong(),
                      totalSteps,
                      stepsPerEpoch,
                      perturbationSeed,
                      new OpenBlas(BLAS_THREADS)));
    }

    private Optional<PictureAugmentation> augmentation(long seed) {
      return spec.getDataSet().hasAugmentation()
          ? Optional.of(
              new PictureAugmentation(
                  data.train().shape(), spec.getDataSet().getAugmentation(), seed))
          : Optional.empty();
    }

    /** Takes the state from a checkpoint, before the run. */
    void restore(TrainingCheckpoint checkpoint) {
      TrainingPosition position = checkpoint.position();
      long step = position.getStep();
      boolean late = position.getPhase() == Phase.PHASE_TWO;
      long switchStep = switchStep().orElse(totalSteps);
      if (step >= totalSteps
          || position.getBatches() > step
          || (late ? step < switchStep : step > switchStep)) {
        throw new UnusableCheckpointException(
            "it is at step %d in %s after %d mini-batches, a place that a %s run of %d steps has not"
                .formatted(step, position.getPhase(), position.getBatches(), variant, totalSteps));
      }
      try {
        state.restore(checkpoint);
        if (late) {
          phase.close();
          phaseTwo = twoPhase.get().resume(state, position.getFeaturesSha256());
          phase = phaseTwo;
          guarantee = position.getGuarantee();
        }
        phase.restore(PhaseMemory.of(checkpoint.tensors(Part.PHASE), position));
        rules.restore(position.getRules());
      } catch (IllegalArgumentException | WireFormatException unfit) {
        phase.close();
        throw new UnusableCheckpointException(unfit.getMessage(), unfit);
      }
      secondsBefore = position.getSeconds();
    }

    private TrainingCheckpoint checkpoint(long step) {
      TrainingPosition.Builder position =
          TrainingPosition.newBuilder()
              .setStep(step)
              .setPhase(phase.phase())
              .setBatches(state.batches().drawn())
              .setFeaturesSha256(phase.featuresSha256())
              .setSeconds(seconds());
      PhaseMemory memory = phase.memory();
      memory.hiddenLayers().ifPresent(position::setHiddenLayers);
      if (guarantee != null) {
        position.setGuarantee(guarantee);
      }
      if (!rules.isEmpty()) {
        position.setRules(rules.position());
      }
      return new TrainingCheckpoint(
          position.build(),
          Stream.concat(state.toTensors(), Part.PHASE.named(memory.toTensors())).toList());
    }

    private void offerCheckpoint(long step, boolean essential) {
      observer.offerCheckpoint(essential, () -> checkpoint(step));
    }

    /** Trains from a step on. */
    RunResult run(long first) {
      long step = first;
      try {
        observer.started(step);
        while (step < totalSteps && stop.isEmpty()) {
          boolean switches = isSwitch(step) && phaseTwo == null;
          boolean renews = wantsVerdict();
          boolean cancelled = observer.cancelled();
          offerCheckpoint(step, cancelled || switches || renews || acted);
          acted = false;
          if (cancelled
              || (switches && !switchPhases(twoPhase.get()))
              || (renews && !renewCertificate(step))) {
            return ended(RunState.RUN_STATE_CANCELLED, step, "cancelled").build();
          }
          if (stop.isEmpty()) {
            phase.step(step);
            step++;
            report(step);
          }
        }
        return stop.isPresent() ? stopped(step, stop.get()) : finished();
      } catch (DivergenceException e) {
        tellOfDivergence(step);
        return ended(RunState.RUN_STATE_FAILED, step, e.getMessage()).build();
      } finally {
        phase.close();
      }
    }

    /**
     * Perturbs, waits for the verdict on the witness, and goes on with or without a guarantee.
     *
     * @return whether the run goes on; false if it was cancelled while it waited
     */
    private boolean switchPhases(TwoPhaseTraining algorithm) throws DivergenceException {
      long step = algorithm.switchStep();
      state.requireFiniteParameters(step);
      phase.close();
      phaseTwo = algorithm.switchPhases(state);
      phase = phaseTwo;
      Optional<Verdict> verdict = observer.awaitVerdict(snapshot(step, true), verdictTimeout());
      if (observer.cancelled()) {
        return false;
      }
      guarantee =
          phaseTwo.begin(verdict, verdictTimeout()).toBuilder()
              .setFromStep(step)
              .setAtStep(totalSteps)
              .build();
      observer.guarantee(guarantee);
      evaluateAndReport(step);
      offerCheckpoint(step, true);
      return true;
    }

    private boolean wantsVerdict() {
      return phaseTwo != null && phaseTwo.wantsVerdict();
    }

    /**
     * Waits for a verdict on the features as hidden layers that moved have left them.
     *
     * @return whether the run goes on, as at the switch
     */
    private boolean renewCertificate(long step) throws DivergenceException {
      state.requireFiniteParameters(step);
      Optional<Verdict> verdict = observer.awaitVerdict(snapshot(step, true), verdictTimeout());
      if (observer.cancelled()) {
        return false;
      }
      Guarantee renewed = phaseTwo.renew(guarantee, step, verdict, verdictTimeout());
      if (!renewed.equals(guarantee)) {
        guarantee = renewed;
        observer.guarantee(guarantee);
      }
      return true;
    }

    private Duration verdictTimeout() {
      return Duration.ofSeconds(
          spec.getTwoPhase().getVerdictTimeout().getSeconds(),
          spec.getTwoPhase().getVerdictTimeout().getNanos());
    }

    private void report(long step) throws DivergenceException {
      if (step % stepsPerEpoch == 0) {
        evaluateAndReport(step);
      }
      if (step < totalSteps && wantsSnapshot(step) && !rules.isEmpty()) {
        for (Verdict verdict : observer.verdicts()) {
          act(step, rules.verdict(verdict));
        }
      }
      // A state whose verdict is awaited is published for that.
      boolean awaited = isSwitch(step) || wantsVerdict();
      if (step == totalSteps
          || stop.isPresent()
          || ((wantsSnapshot(step) || perturbed(step)) && !awaited)) {
        state.requireFiniteParameters(step);
        observer.snapshot(snapshot(step, perturbed(step)));
      }
    }

    /** Lets the rules act whose conditions hold, in their order, until one ends the run. */
    private void act(long step, List<Finding> findings) {
      for (Finding finding : findings) {
        if (mayAct(finding.action(), step)) {
          RuleEvent event = rules.act(finding, step);
          acted = true;
          String what =
              switch (finding.action()) {
                case RULE_ACTION_STOP -> {
                  stop = Optional.of(event.getText());
                  yield "the run ends";
                }
                case RULE_ACTION_CHECKPOINT -> {
                  observer.keepCheckpoint(checkpoint(step));
                  yield "a checkpoint is kept";
                }
                case RULE_ACTION_PERTURB -> {
                  perturb(finding.rule().getNoise());
                  yield "the hidden layers are perturbed";
                }
                case RULE_ACTION_UNSPECIFIED, UNRECOGNIZED ->
                    throw new IllegalArgumentException("rules: unknown action");
              };
          observer.ruleActed(event.toBuilder().setText(event.getText() + "; " + what).build());
        }
      }
    }

    private boolean mayAct(RuleAction action, long step) {
      return stop.isEmpty()
          && (action != RuleAction.RULE_ACTION_PERTURB
              || (phase.phase() == Phase.PHASE_ONE
                  // The switch itself perturbs.
                  && !isSwitch(step)
                  && !perturbed(step)));
    }

    private void perturb(double noise) {
      // Each perturbation of a run has a seed of its own, whatever attempt makes it.
      long seed = new SplittableRandom(ruleSeed + rules.perturbations()).nextLong();
      TwoPhaseTraining.perturb(state.parameters(), noise, seed);
    }

    private boolean perturbed(long step) {
      return rules.perturbedAt().equals(OptionalLong.of(step));
    }

    /** Weights that are not finite can be neither kept nor perturbed: the run fails anyway. */
    private void tellOfDivergence(long step) {
      Progress diverged = Progress.newBuilder().setStep(step).setTrainLoss(Double.NaN).build();
      act(
          step,
          rules.progress(diverged).stream()
              .filter(finding -> finding.action() == RuleAction.RULE_ACTION_STOP)
              .toList());
    }

    private boolean isSwitch(long step) {
      return twoPhase.isPresent() && step == twoPhase.get().switchStep();
    }

    private boolean wantsSnapshot(long step) {
      SnapshotPolicy policy = spec.getSnapshots();
      long interval =
          switch (policy.getIntervalCase()) {
            case EVERY_STEPS -> Integer.toUnsignedLong(policy.getEverySteps());
            case EVERY_EPOCHS -> Integer.toUnsignedLong(policy.getEveryEpochs()) * stepsPerEpoch;
            case INTERVAL_NOT_SET -> totalSteps;
          };
      return step % interval == 0;
    }

    private void evaluateAndReport(long step) throws DivergenceException {
      training = phase.evaluateTraining(step);
      test = phase.evaluateTest();
      state.requireFinite(step, "test loss", test.loss());
      Progress progress =
          Progress.newBuilder()
              .setStep(step)
              .setEpoch((double) step / stepsPerEpoch)
              .setPhase(phase.phase())
              .setTrainLoss(training.loss())
              .setTrainError(training.error())
              .setTestLoss(test.loss())
              .setTestError(test.error())
              .setLearningRate(phase.learningRate(Math.max(0, step - 1)))
              .addAllGradientNorms(phase.gradientNorms())
              .setSeconds(seconds())
              .build();
      observer.progress(progress);
      if (step < totalSteps) {
        act(step, rules.progress(progress));
      }
    }

    private TrainingSnapshot snapshot(long step, boolean witness) {
      SnapshotPolicy policy = spec.getSnapshots();
      return new Snapshot(
          step, phase, witness, witness || policy.getWeights(), step > 0 && policy.getGradients());
    }

    private RunResult finished() {
      RunResult.Builder result = evaluated(RunState.RUN_STATE_FINISHED, totalSteps, "");
      if (phaseTwo != null) {
        Guarantee concluded = phaseTwo.conclude(guarantee);
        result.setGuarantee(concluded);
        act(totalSteps, rules.concluded(concluded, totalSteps));
      }
      return result.build();
    }

    /** How a run ends that a rule has ended: with figures, but before what it was meant to do. */
    private RunResult stopped(long step, String reason) throws DivergenceException {
      if (step % stepsPerEpoch != 0) {
        evaluateAndReport(step);
      }
      RunResult.Builder result =
          evaluated(
              RunState.RUN_STATE_CANCELLED,
              step,
              "a rule stopped the run at step %d of %d: %s".formatted(step, totalSteps, reason));
      if (phaseTwo != null) {
        // A bound is one for the last of all steps.
        result.setGuarantee(phaseTwo.conclude(guarantee).toBuilder().clearHeld());
      }
      return result.build();
    }

    private RunResult.Builder evaluated(RunState end, long steps, String reason) {
      return ended(end, steps, reason)
          .setFinalTrainLoss(training.loss())
          .setTrainError(training.error())
          .setTestError(test.error());
    }

    private RunResult.Builder ended(RunState end, long steps, String reason) {
      return RunResult.newBuilder()
          .setState(end)
          .setSteps(steps)
          .setReason(reason)
          .setSeconds(seconds());
    }

    private double seconds() {
      return secondsBefore + (System.nanoTime() - started) * 1e-9;
    }
  }

  private record Snapshot(
      long step, TrainingPhase state, boolean witness, boolean withWeights, boolean withGradients)
      implements TrainingSnapshot {

    @Override
    public Phase phase() {
      return state.phase();
    }

    @Override
    public ByteString featuresSha256() {
      return state.featuresSha256();
    }

    @Override
    public List<Tensor> weights() {
      return withWeights ? state.weights() : List.of();
    }

    @Override
    public List<Tensor> gradients() {
      return withGradients ? state.gradients() : List.of();
    }
  }
}

package io.fullrank.client;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import java.security.SecureRandom;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What a run trains, in the words of the wire contract. Immutable: each method returns a
 * description with something added.
 */
public final class RunDescription {

  private static final int KEY_BYTES = 32;
  private static final int SHORTEST_KEY_BYTES = 16;
  private static final int LONGEST_KEY_BYTES = 64;

  private final RegisterRunRequest registration;
  private final Begin begin;

  private RunDescription(RegisterRunRequest registration, Begin begin) {
    this.registration = registration;
    this.begin = begin;
  }

  /**
   * Describes a base run with a random key and a loss of which no guarantee is known.
   *
   * @param experiment 1 to 63 characters out of a-z, 0-9 and '-', starting with a letter
   * @param seed of the run
   * @param network framework, layers, m_H and outputs, of which the last two are at least 1
   * @param algorithm the optimiser, which has a name
   * @throws IllegalArgumentException naming what is missing
   */
  public static RunDescription of(
      String experiment, long seed, ExternalNetwork network, ExternalAlgorithm algorithm) {
    if (!experiment.matches("[a-z][a-z0-9-]{0,62}")) {
      throw new IllegalArgumentException(
          "experiment '%s': a name is 1 to 63 characters out of a-z, 0-9 and '-', starting with a letter"
              .formatted(experiment));
    }
    if (network.getLastHiddenWidth() < 1 || network.getOutputs() < 1) {
      throw new IllegalArgumentException(
          "network: last_hidden_width and outputs have to be at least 1");
    }
    if (algorithm.getName().isBlank()) {
      throw new IllegalArgumentException("algorithm: name is missing");
    }
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    return new RunDescription(
            RegisterRunRequest.newBuilder()
                .setSpec(
                    ExperimentSpec.newBuilder()
                        .setName(experiment)
                        .setLoss(Loss.LOSS_EXTERNAL)
                        .setDataSet(DataSetSpec.newBuilder().setName("external"))
                        .setNetwork(NetworkSpec.newBuilder().setExternal(network))
                        .setAlgorithm(AlgorithmSpec.newBuilder().setExternal(algorithm))
                        .addSeeds(seed))
                .setSeed(seed)
                .build(),
            Begin.newBuilder()
                .setAttempt(1)
                .setClient("java " + ProcessHandle.current().pid())
                .putVersions("java", Runtime.version().toString())
                .build())
        .variant(Variant.VARIANT_BASE)
        .key(key);
  }

  /**
   * Returns the description of a two-phase run.
   *
   * @param settings of the algorithm, as an experiment has them
   * @param switchStep τ, the step at which phase 2 begins
   */
  public RunDescription twoPhase(TwoPhaseSpec settings, long switchStep) {
    return variant(Variant.VARIANT_TWO_PHASE)
        .spec(spec -> spec.setTwoPhase(settings))
        .begin(begin -> begin.setSwitchStep(switchStep));
  }

  /**
   * Returns the description of a run that joins an experiment that is there.
   *
   * @param identity as {@link ExternalRun#experiment()} of its first run
   */
  public RunDescription joining(String identity) {
    return registration(request -> request.setExperiment(identity));
  }

  /**
   * Returns the description with this loss; guarantees are known for the mean cross-entropy and for
   * half the mean squared distance to the one-hot label.
   */
  public RunDescription loss(Loss loss) {
    return spec(spec -> spec.setLoss(loss));
  }

  /** This, judged by these checks; what they do not name is not made. */
  public RunDescription checks(Checks checks) {
    return spec(spec -> spec.setChecks(checks));
  }

  /**
   * Returns the description with rules that say what the server advises when training goes wrong;
   * see {@link ExternalRun#start(Connection, RunDescription, java.util.function.Consumer)}.
   */
  public RunDescription rules(List<Rule> rules) {
    return spec(spec -> spec.clearRules().addAllRules(rules));
  }

  /** Returns the description with this number of passes over the training set. */
  public RunDescription epochs(int epochs) {
    return spec(spec -> spec.setEpochs(epochs));
  }

  /** Returns the description with this data set: name, n and whatever else is known. */
  public RunDescription dataSet(DataSetIdentity dataSet) {
    RunDescription described =
        registration(
            request ->
                request
                    .setTrainRows(dataSet.getTrainRows())
                    .setSpec(
                        request.getSpec().toBuilder()
                            .setDataSet(DataSetSpec.newBuilder().setName(dataSet.getName()))));
    return described.begin(begin -> begin.setDataSet(dataSet));
  }

  /** Returns the description with T, the number of steps. */
  public RunDescription totalSteps(long steps) {
    return begin(begin -> begin.setTotalSteps(steps));
  }

  /** Returns the description with the version of something that computes, such as "nd4j". */
  public RunDescription version(String of, String version) {
    return begin(begin -> begin.putVersions(of, version));
  }

  /**
   * Returns the description with a key that the program keeps: with the same key and experiment, a
   * program that is started again reports into the same run.
   *
   * @param key 16 to 64 random bytes (copied)
   * @throws IllegalArgumentException if it is shorter or longer
   */
  public RunDescription key(byte[] key) {
    if (key.length < SHORTEST_KEY_BYTES || key.length > LONGEST_KEY_BYTES) {
      throw new IllegalArgumentException(
          "a run's key has %d to %d bytes, this one has %d"
              .formatted(SHORTEST_KEY_BYTES, LONGEST_KEY_BYTES, key.length));
    }
    ByteString copy = ByteString.copyFrom(key);
    return registration(request -> request.setRunKey(copy)).begin(begin -> begin.setRunKey(copy));
  }

  /**
   * Returns the description of a start of the program after the first, with the run's key.
   *
   * @param attempt 2 for the second start, and so on
   * @param resumedFromStep the steps that stand of earlier starts, 0 for none
   */
  public RunDescription attempt(long attempt, long resumedFromStep) {
    return begin(begin -> begin.setAttempt(attempt).setResumedFromStep(resumedFromStep));
  }

  /** Returns the request that registers the run. */
  RegisterRunRequest registration() {
    return registration;
  }

  /** Returns the first report, but for the run's name. */
  Begin begin() {
    return begin;
  }

  private RunDescription variant(Variant variant) {
    return registration(
        request ->
            request
                .setVariant(variant)
                .setSpec(request.getSpec().toBuilder().clearVariants().addVariants(variant)));
  }

  private RunDescription spec(UnaryOperator<ExperimentSpec.Builder> change) {
    return registration(request -> request.setSpec(change.apply(request.getSpec().toBuilder())));
  }

  private RunDescription registration(UnaryOperator<RegisterRunRequest.Builder> change) {
    return new RunDescription(change.apply(registration.toBuilder()).build(), begin);
  }

  private RunDescription begin(UnaryOperator<Begin.Builder> change) {
    return new RunDescription(registration, change.apply(begin.toBuilder()).build());
  }
}

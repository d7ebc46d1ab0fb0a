package io.fullrank.network.experiment;

import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotPolicy;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Which checks judge the snapshots of a run, and how often each of them does. */
public final class ChosenChecks {

  /** The condition of Kawaguchi and Sun, which phase 2 rests on. */
  public static final String EXPRESSIVITY = "expressivity";

  /** Full row rank of the Jacobian. */
  public static final String TANGENT_KERNEL = "tangent-kernel";

  /**
   * A check that a snapshot is due for.
   *
   * @param named whether the experiment names it; else it is there by default
   */
  public record Due(String check, boolean named) {}

  private record Chosen(String check, boolean named, int everyEpochs) {}

  private static final Pattern THIRD_PARTY =
      Pattern.compile("[a-z0-9][a-z0-9-]*(\\.[a-z0-9][a-z0-9-]*)+");
  private static final int MAX_NAME_CHARACTERS = 100;

  private ChosenChecks() {}

  /** Returns what is wrong with the name of a check from outside Fullrank, if anything is. */
  public static Optional<String> problemWithThirdPartyName(String name) {
    return THIRD_PARTY.matcher(name).matches() && name.length() <= MAX_NAME_CHARACTERS
        ? Optional.empty()
        : Optional.of(
            "the name of a check from outside Fullrank must be at most %d characters: words of a-z,"
                    .formatted(MAX_NAME_CHARACTERS)
                + " 0-9 and '-' with dots between them");
  }

  /** Returns whether an experiment's snapshots are judged by a check, whatever they are like. */
  static boolean has(ExperimentSpec spec, String check) {
    return spec.hasChecks()
        ? named(spec.getChecks()).stream().anyMatch(chosen -> chosen.check().equals(check))
        : check.equals(EXPRESSIVITY);
  }

  /** Returns the checks that a snapshot is due for, in the order in which they are made. */
  public static List<Due> dueAt(Snapshot snapshot) {
    RunHeader header = snapshot.getHeader();
    List<Chosen> chosen =
        header.getSpec().hasChecks() ? named(header.getSpec().getChecks()) : byDefault(snapshot);
    return chosen.stream()
        .filter(check -> isDue(check.everyEpochs(), snapshot))
        .map(check -> new Due(check.check(), check.named()))
        .toList();
  }

  private static List<Chosen> named(Checks checks) {
    List<Chosen> chosen = new ArrayList<>();
    if (checks.hasExpressivity()) {
      chosen.add(new Chosen(EXPRESSIVITY, true, checks.getExpressivity().getEveryEpochs()));
    }
    if (checks.hasTangentKernel()) {
      chosen.add(new Chosen(TANGENT_KERNEL, true, checks.getTangentKernel().getEveryEpochs()));
    }
    for (NamedCheck check : checks.getNamedList()) {
      chosen.add(new Chosen(check.getName(), true, check.getEveryEpochs()));
    }
    return chosen;
  }

  private static List<Chosen> byDefault(Snapshot snapshot) {
    NetworkSpec network = snapshot.getHeader().getSpec().getNetwork();
    List<Chosen> chosen = new ArrayList<>();
    // Training may wait for the verdict on a witness: it gets one, even if that has nothing to say.
    if (!network.hasExternal() || snapshot.hasFeatures() || snapshot.getWitness()) {
      chosen.add(new Chosen(EXPRESSIVITY, false, 0));
    }
    if (network.hasExternal()
        ? snapshot.hasFactors() && !hasWidth(network.getExternal(), snapshot)
        : isNarrow(network, snapshot.getHeader().getDataSet())) {
      chosen.add(new Chosen(TANGENT_KERNEL, false, 0));
    }
    return chosen;
  }

  /** Whether the last hidden layer is known to have enough units for the training set. */
  private static boolean hasWidth(ExternalNetwork network, Snapshot snapshot) {
    long rows = snapshot.getHeader().getDataSet().getTrainRows();
    long units = Integer.toUnsignedLong(network.getLastHiddenWidth());
    return rows != 0 && units != 0 && Long.compareUnsigned(units + 1, rows) >= 0;
  }

  /** Whether the last hidden layer has too few units for the training set. */
  private static boolean isNarrow(NetworkSpec network, DataSetIdentity data) {
    try {
      NetworkSection.check(network);
      Architecture architecture = Architectures.chosenBy(network).orElseThrow();
      ImageShape shape =
          data.getChannels() == 0
              ? new ImageShape(1, 1, data.getInputs())
              : new ImageShape(data.getChannels(), data.getHeight(), data.getWidth());
      long units = architecture.features().of(architecture.choice().valuesIn(network), shape);
      return Long.compareUnsigned(units + 1, data.getTrainRows()) < 0;
    } catch (InvalidExperimentException | IllegalArgumentException noNetwork) {
      // The check of expressivity will say what is wrong.
      return false;
    }
  }

  private static boolean isDue(int everyEpochs, Snapshot snapshot) {
    RunHeader header = snapshot.getHeader();
    if (everyEpochs == 0
        || snapshot.getWitness()
        || (header.getTotalSteps() != 0 && snapshot.getStep() == header.getTotalSteps())) {
      return true;
    }
    BigInteger steps = unsigned(header.getTotalSteps());
    BigInteger epochs = unsigned(header.getSpec().getEpochs());
    BigInteger interval = interval(header.getSpec().getSnapshots(), steps, epochs);
    if (steps.signum() == 0 || epochs.signum() == 0 || interval.signum() == 0) {
      return true;
    }
    // Multiples of so many epochs that have passed by a step: ⌊step · epochs / (every · steps)⌋.
    BigInteger period = unsigned(everyEpochs).multiply(steps);
    BigInteger step = unsigned(snapshot.getStep());
    return step.compareTo(interval) < 0
        ? step.multiply(epochs).compareTo(period) >= 0 || step.signum() == 0
        : !step.multiply(epochs)
            .divide(period)
            .equals(step.subtract(interval).multiply(epochs).divide(period));
  }

  /** The number of steps from one snapshot to the next; 0 if it is not known. */
  private static BigInteger interval(SnapshotPolicy policy, BigInteger steps, BigInteger epochs) {
    return switch (policy.getIntervalCase()) {
      case EVERY_STEPS -> unsigned(policy.getEverySteps());
      case EVERY_EPOCHS ->
          epochs.signum() == 0
              ? BigInteger.ZERO
              : unsigned(policy.getEveryEpochs()).multiply(steps).divide(epochs);
      case INTERVAL_NOT_SET -> BigInteger.ZERO;
    };
  }

  private static BigInteger unsigned(long number) {
    return new BigInteger(Long.toUnsignedString(number));
  }

  private static BigInteger unsigned(int number) {
    return BigInteger.valueOf(Integer.toUnsignedLong(number));
  }
}

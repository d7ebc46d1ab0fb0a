package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.Requirements.invalid;
import static io.fullrank.trainer.ingest.Requirements.require;
import static io.fullrank.trainer.ingest.Requirements.requireAtMost;
import static io.fullrank.trainer.ingest.Requirements.requireText;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.fullrank.network.experiment.ExperimentSpecs;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.IngestLimits;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.Variant;
import io.fullrank.trainer.configuration.IngestSettings;
import io.fullrank.trainer.prometheus.IngestMetrics;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.fullrank.trainer.queue.AcceptedRuns.AcceptedRun;
import io.fullrank.trainer.queue.RunNames;
import io.grpc.Status;
import io.grpc.StatusException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.apache.kafka.common.KafkaException;

/** Takes the registrations of runs that programs outside Fullrank train. */
public final class Registrations {

  /** Bytes of a piece of features, see {@link IngestLimits}. */
  static final int MAX_PIECE_BYTES = 1 << 20;

  // Such as those of own experiments: a name and six digits.
  private static final Pattern EXPERIMENT = Pattern.compile("[a-z][a-z0-9-]{0,69}");
  private static final long MAX_ROWS = Integer.MAX_VALUE;
  private static final int FLOAT_BYTES = Float.BYTES;
  private static final Duration VISIBLE_WITHIN = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(50);

  private final AcceptedRuns accepted;
  private final IngestSettings settings;
  private final IngestMetrics metrics;

  public Registrations(AcceptedRuns accepted, IngestSettings settings, IngestMetrics metrics) {
    this.accepted = accepted;
    this.settings = settings;
    this.metrics = metrics;
  }

  /**
   * Registers a run, or finds that it is registered with the same key. Blocks until every reader of
   * the topic of runs can see it.
   *
   * @throws StatusException as the contract says; RESOURCE_EXHAUSTED names the limit's key
   */
  public synchronized RegisterRunResponse register(RegisterRunRequest request)
      throws StatusException {
    try {
      return registered(request);
    } catch (StatusException refused) {
      metrics.refused(refused.getStatus().getCode());
      throw refused;
    }
  }

  private RegisterRunResponse registered(RegisterRunRequest request) throws StatusException {
    RunRequest wanted = validated(request);
    try {
      Optional<AcceptedRun> known = accepted.find(wanted.getRun());
      if (known.isEmpty()) {
        accepted.write(List.of(wanted));
        known = Optional.of(awaitVisible(wanted.getRun()));
      }
      RunRequest stored = known.get().request();
      if (!new RunKey(wanted.getRunKeySha256()).matches(stored.getRunKeySha256())) {
        throw Status.ALREADY_EXISTS
            .withDescription(
                "run_key: run '%s' is there and belongs to another key; choose another seed, variant"
                        .formatted(wanted.getRun())
                    + " or experiment, or report with the key that it was registered with")
            .asException();
      }
      return RegisterRunResponse.newBuilder()
          .setRun(stored.getRun())
          .setExperiment(stored.getExperiment())
          .addAllWarnings(stored.getWarningsList())
          .setLimits(limits())
          .build();
    } catch (KafkaException failed) {
      throw Status.UNAVAILABLE
          .withDescription("Kafka did not take it, register again: " + failed.getMessage())
          .withCause(failed)
          .asException();
    }
  }

  // A transaction that is committed becomes visible a little later.
  private AcceptedRun awaitVisible(String run) throws StatusException {
    long deadline = System.nanoTime() + VISIBLE_WITHIN.toNanos();
    Optional<AcceptedRun> found = accepted.find(run);
    while (found.isEmpty() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(PAUSE.toNanos());
      found = accepted.find(run);
    }
    return found.orElseThrow(
        () ->
            Status.UNAVAILABLE
                .withDescription("Kafka has the run but does not show it yet, register again")
                .asException());
  }

  private IngestLimits limits() {
    return IngestLimits.newBuilder()
        .setMaxSnapshotBytes(settings.largestSnapshot())
        .setMaxPieceBytes(MAX_PIECE_BYTES)
        .setHeartbeatInterval(Durations.fromMillis(settings.heartbeatInterval().toMillis()))
        .build();
  }

  private RunRequest validated(RegisterRunRequest request) throws StatusException {
    RunKey key = RunKey.of(request.getRunKey());
    requireAtMost(
        settings.maxSpecBytes(),
        request.getSpec().getSerializedSize(),
        "spec has",
        "bytes",
        "max-experiment-bytes");
    require(
        request.getVariant() != Variant.VARIANT_UNSPECIFIED
            && request.getVariant() != Variant.UNRECOGNIZED,
        "variant: must be base or two-phase");
    ExperimentSpec spec = complete(request);
    try {
      ExperimentSpecs.validateExternal(spec);
    } catch (InvalidExperimentException invalid) {
      throw invalid("spec." + invalid.getMessage());
    }
    requireTexts(spec);
    require(
        request.getTrainRows() >= 0 && request.getTrainRows() <= MAX_ROWS,
        "train_rows: %s, must be at most %d, or 0 if not known"
            .formatted(Long.toUnsignedString(request.getTrainRows()), MAX_ROWS));
    require(
        request.getExperiment().isEmpty() || EXPERIMENT.matcher(request.getExperiment()).matches(),
        "experiment: '%s' must be what the first registration returned, or empty for a new experiment"
            .formatted(request.getExperiment()));
    String experiment =
        request.getExperiment().isEmpty()
            ? "%s-%s".formatted(spec.getName(), key.suffix())
            : request.getExperiment();
    return RunRequest.newBuilder()
        .setRun(RunNames.of(experiment, request.getVariant(), request.getSeed()))
        .setExperiment(experiment)
        .setVariant(request.getVariant())
        .setSeed(request.getSeed())
        .setSpec(spec)
        .setSubmittedAt(Timestamps.now())
        .setRunKeySha256(key.sha256())
        .addAllWarnings(warnings(spec.getNetwork().getExternal(), request.getTrainRows()))
        .build();
  }

  /** Returns the experiment with this run's variant and seed, and without unknown fields. */
  private static ExperimentSpec complete(RegisterRunRequest request) throws StatusException {
    ExperimentSpec.Builder spec;
    try {
      spec =
          DiscardUnknownFieldsParser.wrap(ExperimentSpec.parser())
              .parseFrom(request.getSpec().toByteString())
              .toBuilder();
    } catch (InvalidProtocolBufferException malformed) {
      throw invalid("spec: " + malformed.getMessage());
    }
    if (!spec.getVariantsList().contains(request.getVariant())) {
      spec.addVariants(request.getVariant());
    }
    if (!spec.getSeedsList().contains(request.getSeed())) {
      spec.addSeeds(request.getSeed());
    }
    if (spec.getEquivalenceMargin() == 0) {
      spec.setEquivalenceMargin(ExperimentSpecs.DEFAULT_EQUIVALENCE_MARGIN);
    }
    return spec.build();
  }

  private static void requireTexts(ExperimentSpec spec) throws StatusException {
    ExternalNetwork network = spec.getNetwork().getExternal();
    requireText("spec.data_set.name", spec.getDataSet().getName());
    requireText("spec.data_set.directory", spec.getDataSet().getDirectory());
    requireText("spec.network.external.framework", network.getFramework());
    requireText("spec.network.external.model", network.getModel());
    for (ExternalLayer layer : network.getLayersList()) {
      requireText("spec.network.external.layers.name", layer.getName());
      requireText("spec.network.external.layers.kind", layer.getKind());
    }
    for (String operator : network.getOperatorsNotAnalyticList()) {
      requireText("spec.network.external.operators_not_analytic", operator);
    }
    requireText("spec.algorithm.external.name", spec.getAlgorithm().getExternal().getName());
    for (Map.Entry<String, String> setting :
        spec.getAlgorithm().getExternal().getSettingsMap().entrySet()) {
      requireText("spec.algorithm.external.settings", setting.getKey());
      requireText("spec.algorithm.external.settings", setting.getValue());
    }
  }

  private List<String> warnings(ExternalNetwork network, long rows) {
    List<String> warnings = new ArrayList<>();
    long columns = Integer.toUnsignedLong(network.getLastHiddenWidth());
    if (columns + 1 < rows) {
      warnings.add(
          ("the last hidden layer has %d units; with the bias that is %d columns for %d rows, so that"
                  + " the features cannot have full row rank and every verdict can only be REFUTED:"
                  + " use a last hidden layer of at least %d units, or at most %d rows")
              .formatted(columns, columns + 1, rows, rows - 1, columns + 1));
    }
    if (rows * columns > settings.largestSnapshot() / FLOAT_BYTES) {
      warnings.add(
          ("the features are %d × %d, and at most %d bytes are accepted of a snapshot, which as float32"
                  + " are %d such rows; the server's %s sets the limit")
              .formatted(
                  rows,
                  columns,
                  settings.largestSnapshot(),
                  settings.largestSnapshot() / FLOAT_BYTES / columns,
                  Requirements.key(settings.keyOfLargestSnapshot())));
    }
    return warnings;
  }
}

package io.fullrank.trainer.endpoint;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.experiment.ExperimentSpecs;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.CancelRunRequest;
import io.fullrank.proto.v1.CancelRunResponse;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.proto.v1.Variant;
import io.fullrank.trainer.configuration.TrainerConfiguration;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.queue.AcceptedRuns;
import io.fullrank.trainer.queue.RunNames;
import io.fullrank.trainer.run.MemoryLimits;
import io.fullrank.trainer.run.TrainingData;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import io.smallrye.common.annotation.Blocking;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.KafkaException;

/**
 * The trainer's gRPC calls: both only write to the topic of runs, from where any trainer goes on.
 */
@GrpcService
class TrainerEndpoint extends TrainerServiceGrpc.TrainerServiceImplBase {

  private final TrainingData data;
  private final AcceptedRuns accepted;
  private final TrainerConfiguration limits;
  private final MemoryLimits memory;
  private final SecureRandom random = new SecureRandom();

  TrainerEndpoint(
      TrainingData data,
      AcceptedRuns accepted,
      TrainerConfiguration limits,
      TrainerSettings settings) {
    this.data = data;
    this.accepted = accepted;
    this.limits = limits;
    this.memory = MemoryLimits.of(settings);
  }

  @Override
  @Blocking
  public void submitExperiment(
      SubmitExperimentRequest request, StreamObserver<SubmitExperimentResponse> response) {
    try {
      response.onNext(submit(request.getSpec()));
      response.onCompleted();
    } catch (StatusException refused) {
      response.onError(refused);
    }
  }

  @Override
  @Blocking
  public void cancelRun(CancelRunRequest request, StreamObserver<CancelRunResponse> response) {
    try {
      cancel(request.getRun());
      response.onNext(CancelRunResponse.getDefaultInstance());
      response.onCompleted();
    } catch (StatusException refused) {
      response.onError(refused);
    }
  }

  private SubmitExperimentResponse submit(ExperimentSpec spec) throws StatusException {
    if (!limits.trains()) {
      throw Status.FAILED_PRECONDITION
          .withDescription(
              "this server trains nothing, it takes reports of external runs"
                  + " (fullrank.trainer.trains=false); submit to a trainer")
          .asException();
    }
    requireAtMost(
        limits.maxExperimentBytes(),
        spec.getSerializedSize(),
        "the experiment has",
        "bytes",
        "max-experiment-bytes");
    requireAtMost(
        limits.maxRuns(),
        (long) spec.getVariantsCount() * spec.getSeedsCount(),
        "variants × seeds:",
        "runs",
        "max-runs");
    List<String> warnings;
    try {
      ExperimentSpecs.validate(spec);
      DataSet loaded = data.load(spec.getDataSet());
      requireAtMost(
          limits.maxParameters(),
          parameters(spec, loaded),
          "the network has",
          "parameters",
          "max-parameters");
      requireMemory(spec, loaded);
      warnings = ExperimentSpecs.warnings(spec, loaded.train().shape(), loaded.train().rows());
    } catch (InvalidExperimentException invalid) {
      throw Status.INVALID_ARGUMENT.withDescription(invalid.getMessage()).asException();
    } catch (DataSetException unusable) {
      throw Status.FAILED_PRECONDITION.withDescription(unusable.getMessage()).asException();
    }
    String experiment = "%s-%06x".formatted(spec.getName(), random.nextInt(1 << 24));
    List<RunRequest> runs = new ArrayList<>();
    Timestamp submitted = Timestamps.now();
    for (long seed : spec.getSeedsList()) {
      for (Variant variant : spec.getVariantsList()) {
        runs.add(
            RunRequest.newBuilder()
                .setRun(RunNames.of(experiment, variant, seed))
                .setExperiment(experiment)
                .setVariant(variant)
                .setSeed(seed)
                .setSpec(spec)
                // A nanosecond apart, so that they are trained and listed in this order.
                .setSubmittedAt(Timestamps.add(submitted, Durations.fromNanos(runs.size())))
                .addAllWarnings(warnings)
                .build());
      }
    }
    write(runs);
    return SubmitExperimentResponse.newBuilder()
        .setExperiment(experiment)
        .addAllRuns(runs.stream().map(RunRequest::getRun).toList())
        .addAllWarnings(warnings)
        .build();
  }

  private static long parameters(ExperimentSpec spec, DataSet loaded) throws StatusException {
    try {
      return Network.of(spec.getNetwork(), loaded.train().shape(), loaded.identity().getClasses())
          .layout()
          .totalLength();
    } catch (IllegalArgumentException | ArithmeticException tooLarge) {
      throw Status.INVALID_ARGUMENT
          .withDescription("network: " + tooLarge.getMessage())
          .asException();
    }
  }

  private void requireMemory(ExperimentSpec spec, DataSet loaded) throws StatusException {
    for (Variant variant : spec.getVariantsList()) {
      Optional<String> refusal = memory.refusal(spec, variant, loaded);
      if (refusal.isPresent()) {
        throw Status.RESOURCE_EXHAUSTED.withDescription(refusal.get()).asException();
      }
    }
  }

  private static void requireAtMost(long limit, long asked, String subject, String unit, String key)
      throws StatusException {
    if (asked > limit) {
      throw Status.RESOURCE_EXHAUSTED
          .withDescription(
              "%s %d %s, at most %d are accepted; the server's fullrank.trainer.%s sets the limit"
                  .formatted(subject, asked, unit, limit, key))
          .asException();
    }
  }

  private void cancel(String run) throws StatusException {
    if (run.isEmpty()) {
      throw Status.INVALID_ARGUMENT.withDescription("run: is missing").asException();
    }
    RunRequest known;
    try {
      known =
          accepted
              .find(run)
              .orElseThrow(
                  () ->
                      Status.NOT_FOUND
                          .withDescription("run: no run is named '%s'".formatted(run))
                          .asException())
              .request();
    } catch (KafkaException unavailable) {
      throw unavailable(unavailable);
    }
    write(List.of(known.toBuilder().setCancelled(true).build()));
  }

  private void write(List<RunRequest> runs) throws StatusException {
    try {
      accepted.write(runs);
    } catch (KafkaException failed) {
      throw unavailable(failed);
    }
  }

  private static StatusException unavailable(KafkaException failed) {
    return Status.UNAVAILABLE
        .withDescription("Kafka did not take it, nothing was changed: " + failed.getMessage())
        .withCause(failed)
        .asException();
  }
}

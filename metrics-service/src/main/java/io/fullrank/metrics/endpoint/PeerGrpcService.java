package io.fullrank.metrics.endpoint;

import io.fullrank.metrics.query.StepLists;
import io.fullrank.metrics.store.Concerns;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.HeldPartitions.Held;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.metrics.v1.GetRunsRequest;
import io.fullrank.metrics.v1.GetRunsResponse;
import io.fullrank.metrics.v1.HeldAttentionResponse;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.HeldExperimentsRequest;
import io.fullrank.metrics.v1.HeldExperimentsResponse;
import io.fullrank.metrics.v1.HeldRunsRequest;
import io.fullrank.metrics.v1.HeldRunsResponse;
import io.fullrank.metrics.v1.PeerServiceGrpc;
import io.fullrank.metrics.v1.WatchChangesRequest;
import io.fullrank.metrics.v1.WatchChangesResponse;
import io.fullrank.metrics.watch.Watches;
import io.fullrank.proto.v1.ListAttentionRequest;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.Run;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import io.smallrye.common.annotation.Blocking;
import java.util.Optional;
import java.util.function.Function;

/** Answers other instances, from what this one holds and nothing else. */
@GrpcService
@Blocking
public final class PeerGrpcService extends PeerServiceGrpc.PeerServiceImplBase {

  private final HeldPartitions partitions;
  private final RunStreams streams;
  private final Watches watches;

  /**
   * Creates the service.
   *
   * @param partitions the partitions held here
   * @param streams says which partition a run is in
   * @param watches streams of changes
   */
  public PeerGrpcService(HeldPartitions partitions, RunStreams streams, Watches watches) {
    this.partitions = partitions;
    this.streams = streams;
    this.watches = watches;
  }

  @Override
  public void getRuns(GetRunsRequest request, StreamObserver<GetRunsResponse> peer) {
    Held<Run> held = partitions.runs(request.getRunsList());
    // With the partitions, the asker can tell a run that is elsewhere from one that does not exist.
    answer(
        peer,
        GetRunsResponse.newBuilder()
            .addAllRuns(held.values())
            .addAllPartitions(held.partitions())
            .build());
  }

  @Override
  public void listProgress(ListProgressRequest request, StreamObserver<ListProgressResponse> peer) {
    answerOf(request.getRun(), peer, partition -> StepLists.list(partition, request));
  }

  @Override
  public void listVerdicts(ListVerdictsRequest request, StreamObserver<ListVerdictsResponse> peer) {
    answerOf(request.getRun(), peer, partition -> StepLists.list(partition, request));
  }

  @Override
  public void listRuns(HeldRunsRequest request, StreamObserver<HeldRunsResponse> peer) {
    Held<Run> held =
        partitions.runs(
            request.getFilter(),
            request.hasAfter() ? Optional.of(request.getAfter()) : Optional.empty(),
            request.getLimit());
    answer(
        peer,
        HeldRunsResponse.newBuilder()
            .addAllRuns(held.values())
            .addAllPartitions(held.partitions())
            .build());
  }

  @Override
  public void listExperiments(
      HeldExperimentsRequest request, StreamObserver<HeldExperimentsResponse> peer) {
    Held<HeldExperiment> held = partitions.experiments();
    answer(
        peer,
        HeldExperimentsResponse.newBuilder()
            .addAllExperiments(held.values())
            .addAllPartitions(held.partitions())
            .build());
  }

  @Override
  public void listAttention(
      ListAttentionRequest request, StreamObserver<HeldAttentionResponse> peer) {
    Held<ListAttentionResponse> held = partitions.attention(request.getLimit());
    answer(
        peer,
        HeldAttentionResponse.newBuilder()
            .setHeld(Concerns.latest(held.values(), request.getLimit()))
            .addAllPartitions(held.partitions())
            .build());
  }

  @Override
  public void watchChanges(WatchChangesRequest request, StreamObserver<WatchChangesResponse> peer) {
    watches.ofHeld((ServerCallStreamObserver<WatchChangesResponse>) peer);
  }

  private <T> void answerOf(
      String run, StreamObserver<T> peer, Function<RunPartition, Optional<T>> question) {
    try {
      answer(
          peer,
          question
              .apply(
                  partitions
                      .partition(streams.partitionOf(run))
                      .orElseThrow(PeerGrpcService::notHere))
              .orElseThrow(
                  () -> Status.NOT_FOUND.withDescription("run: " + run).asRuntimeException()));
    } catch (RunPartition.ClosedException moved) {
      peer.onError(notHere());
    } catch (StatusRuntimeException refused) {
      peer.onError(refused);
    }
  }

  private static <T> void answer(StreamObserver<T> peer, T response) {
    peer.onNext(response);
    peer.onCompleted();
  }

  private static StatusRuntimeException notHere() {
    return Status.UNAVAILABLE
        .withDescription("the instance asked does not hold the run's partition any more")
        .asRuntimeException();
  }
}

package io.fullrank.metrics.watch;

import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.v1.WatchChangesResponse;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.service.security.Caller;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Streams to watchers: to clients, and to other instances, which pass changes on to their clients.
 */
public final class Watches {

  /** The least time between two responses to a client. */
  private static final Duration CLIENT_INTERVAL = Duration.ofMillis(100);

  private static final Duration PEER_INTERVAL = Duration.ofMillis(20);

  private final RunQueries queries;
  private final RunChanges changes;
  private final ScheduledExecutorService executor;
  private final OpenWatches open;

  /**
   * Creates what has no watchers yet.
   *
   * @param mostOfACaller how many watches one caller may have open
   */
  public Watches(
      RunQueries queries,
      RunChanges changes,
      ScheduledExecutorService executor,
      int mostOfACaller) {
    this.open = new OpenWatches(mostOfACaller);
    this.queries = queries;
    this.changes = changes;
    this.executor = executor;
  }

  /**
   * Sends a run, then its changes, until it is settled or the client goes.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT if the token is too long, RESOURCE_EXHAUSTED if
   *     the caller has too many watches; nothing is sent then
   */
  public void ofRun(
      String run, String resumeToken, ServerCallStreamObserver<WatchRunResponse> client) {
    RunsWatch<WatchRunResponse> watch = RunsWatch.ofRun(run, resumeToken, queries, executor);
    Runnable ended = open.open(Caller.current());
    watch.start(
        stream(client, CLIENT_INTERVAL, watch), closing(changes.watchRun(run, watch), ended));
  }

  /**
   * Sends an experiment's runs, then those that change, until all are settled or the client goes.
   *
   * @param count how many runs it has
   * @throws StatusRuntimeException INVALID_ARGUMENT if the token is too long, RESOURCE_EXHAUSTED if
   *     the caller has too many watches; nothing is sent then
   */
  public void ofExperiment(
      String experiment,
      int count,
      String resumeToken,
      ServerCallStreamObserver<WatchExperimentResponse> client) {
    RunsWatch<WatchExperimentResponse> watch =
        RunsWatch.ofExperiment(experiment, count, resumeToken, queries, executor);
    Runnable ended = open.open(Caller.current());
    watch.start(
        stream(client, CLIENT_INTERVAL, watch),
        closing(changes.watchExperiment(experiment, watch), ended));
  }

  private static RunChanges.Watching closing(RunChanges.Watching watching, Runnable ended) {
    return () -> {
      watching.close();
      ended.run();
    };
  }

  /** Sends the names of runs held here that change, until the other instance goes. */
  public void ofHeld(ServerCallStreamObserver<WatchChangesResponse> peer) {
    ChangedNames names = new ChangedNames();
    names.start(stream(peer, PEER_INTERVAL, names), changes.watchHeld(names));
  }

  private <T> CoalescedStream<T> stream(
      ServerCallStreamObserver<T> client, Duration interval, CoalescedStream.Source<T> source) {
    return new CoalescedStream<>(client, executor, interval, source);
  }
}

package io.fullrank.metrics.query;

import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.metrics.v1.PeerServiceGrpc;
import io.fullrank.metrics.v1.WatchChangesRequest;
import io.fullrank.metrics.v1.WatchChangesResponse;
import io.fullrank.service.runtime.VitalTasks;
import io.fullrank.service.security.ServiceChannels;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.streams.state.HostInfo;
import org.jboss.logging.Logger;

/**
 * The other instances: a connection to each, and a stream of the changes of the runs that it holds,
 * which are passed on to the watchers of this instance.
 */
public final class Peers implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(Peers.class);
  private static final long KEEP_ALIVE_SECONDS = 10;
  private static final long KEEP_ALIVE_LIMIT_SECONDS = 5;
  private static final long REFRESH_MILLIS = 500;

  private final RunStreams streams;
  private final RunChanges changes;
  private final ScheduledExecutorService executor;
  private final ServiceChannels service;
  private final VitalTasks tasks;
  private final Map<HostInfo, ManagedChannel> channels = new ConcurrentHashMap<>();
  private final Set<HostInfo> heard = ConcurrentHashMap.newKeySet();

  /**
   * Creates the set of peers; nothing is connected yet.
   *
   * @param changes is told what the others tell
   * @param executor looks for instances that came or went
   * @param service makes the connections
   */
  public Peers(
      RunStreams streams,
      RunChanges changes,
      ScheduledExecutorService executor,
      ServiceChannels service,
      VitalTasks tasks) {
    this.tasks = tasks;
    this.streams = streams;
    this.changes = changes;
    this.executor = executor;
    this.service = service;
  }

  /** Begins to listen to the others. */
  public void start() {
    var unused =
        executor.scheduleWithFixedDelay(
            tasks.guard(this::refresh), REFRESH_MILLIS, REFRESH_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Returns the connection to an instance. */
  ManagedChannel to(HostInfo host) {
    return channels.computeIfAbsent(
        host,
        other ->
            service
                .to(other.host(), other.port())
                .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
                .keepAliveTimeout(KEEP_ALIVE_LIMIT_SECONDS, TimeUnit.SECONDS)
                .build());
  }

  @Override
  public void close() {
    channels.values().forEach(ManagedChannel::shutdownNow);
  }

  private void refresh() {
    try {
      Set<HostInfo> others = streams.others();
      channels
          .entrySet()
          .removeIf(
              channel -> {
                boolean gone = !others.contains(channel.getKey());
                if (gone) {
                  channel.getValue().shutdownNow();
                }
                return gone;
              });
      others.stream().filter(heard::add).forEach(this::listen);
    } catch (RuntimeException failed) {
      // Thrown, it would end the looking.
      LOG.warn("Looking for other instances failed", failed);
    }
  }

  private void listen(HostInfo other) {
    PeerServiceGrpc.newStub(to(other))
        .watchChanges(
            WatchChangesRequest.getDefaultInstance(),
            new StreamObserver<>() {
              @Override
              public void onNext(WatchChangesResponse told) {
                if (told.getAny()) {
                  changes.anyChanged();
                }
                told.getChangesList()
                    .forEach(change -> changes.changed(change.getRun(), change.getExperiment()));
              }

              @Override
              public void onError(Throwable failure) {
                LOG.debugf("The changes at %s cannot be heard: %s", other, failure.getMessage());
                onCompleted();
              }

              @Override
              public void onCompleted() {
                // If the instance is still there, the next refresh listens to it again; the first
                // thing that it then tells is that any run may have changed.
                heard.remove(other);
              }
            });
  }
}

package io.fullrank.metrics;

import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * One client watching one run. It holds no state that the client has not taken: when the client is
 * ready it gets the run as it is then, and whatever it was in between is not sent.
 */
final class RunWatch {

  private static final Logger LOG = Logger.getLogger(RunWatch.class);

  private final RunStore store;
  private final String run;
  private final ServerCallStreamObserver<WatchRunResponse> client;
  private RunStore.Watching watching;
  private boolean changed = true;
  private boolean ended;

  private RunWatch(RunStore store, String run, ServerCallStreamObserver<WatchRunResponse> client) {
    this.store = store;
    this.run = run;
    this.client = client;
  }

  /** Sends the run, then its changes, until it is settled or the client goes. */
  static void start(RunStore store, String run, ServerCallStreamObserver<WatchRunResponse> client) {
    RunWatch watch = new RunWatch(store, run, client);
    client.setOnCancelHandler(watch::end);
    client.setOnReadyHandler(watch::send);
    watch.begin();
  }

  private synchronized void begin() {
    watching = store.watch(run, this::changed);
    send();
  }

  // Called by the thread that applies records, which must not suffer from a client.
  private synchronized void changed() {
    changed = true;
    try {
      send();
    } catch (RuntimeException gone) {
      LOG.warnf(gone, "The client watching run %s is given up", run);
      end();
    }
  }

  private synchronized void send() {
    if (ended || !changed || !client.isReady()) {
      return;
    }
    changed = false;
    Optional<Run> state = store.run(run);
    if (state.isEmpty()) {
      end();
      client.onError(
          Status.NOT_FOUND
              .withDescription("run: %s was deleted".formatted(run))
              .asRuntimeException());
      return;
    }
    client.onNext(WatchRunResponse.newBuilder().setRun(state.get()).build());
    if (RunHistory.isSettled(state.get())) {
      end();
      client.onCompleted();
    }
  }

  private synchronized void end() {
    ended = true;
    watching.close();
  }
}

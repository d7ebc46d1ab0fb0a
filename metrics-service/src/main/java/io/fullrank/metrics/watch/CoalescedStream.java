package io.fullrank.metrics.watch;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;

/**
 * A stream to one client that holds no message which the client is not ready to take: only then the
 * source is asked for what there is. Some time passes between two questions, so that changes
 * gather; the first question after a pause is asked at once.
 *
 * @param <T> the messages
 */
final class CoalescedStream<T> {

  /**
   * What a stream tells; asked by one thread at a time.
   *
   * @param <T> the messages
   */
  interface Source<T> extends AutoCloseable {

    /** Returns whether there is anything to ask for. */
    boolean isPending();

    /**
     * Returns what there is now, or empty if it is nothing new.
     *
     * @throws StatusRuntimeException to end the stream with an error
     */
    Optional<T> take();

    /** Returns whether nothing more is to come. */
    boolean isComplete();

    /** Releases all that the source holds; it is not asked for anything afterwards. */
    @Override
    void close();
  }

  private static final Logger LOG = Logger.getLogger(CoalescedStream.class);

  private final ServerCallStreamObserver<T> client;
  private final ScheduledExecutorService executor;
  private final long intervalNanos;
  private final Source<T> source;
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private final AtomicBoolean ended = new AtomicBoolean();
  private volatile long askedAt;

  /**
   * Prepares a stream; nothing is sent before it is started.
   *
   * @param interval the least time between two questions
   */
  CoalescedStream(
      ServerCallStreamObserver<T> client,
      ScheduledExecutorService executor,
      Duration interval,
      Source<T> source) {
    this.client = client;
    this.executor = executor;
    this.source = source;
    intervalNanos = interval.toNanos();
    askedAt = System.nanoTime() - intervalNanos;
  }

  /** Begins to send; to be called before the service's method returns. */
  void start() {
    client.setOnCancelHandler(this::end);
    client.setOnReadyHandler(this::wake);
    if (client.isCancelled()) {
      end();
    }
    wake();
  }

  /** Has the source asked, soon and by another thread; to be called whenever it has news. */
  void wake() {
    if (ended.get() || !client.isReady() || !source.isPending()) {
      return;
    }
    if (scheduled.compareAndSet(false, true)) {
      long wait = askedAt + intervalNanos - System.nanoTime();
      try {
        var unused = executor.schedule(this::send, Math.max(0, wait), TimeUnit.NANOSECONDS);
      } catch (RejectedExecutionException stopping) {
        end();
      }
    }
  }

  private void send() {
    try {
      if (!ended.get() && client.isReady()) {
        askedAt = System.nanoTime();
        Optional<T> message = source.take();
        if (message.isPresent() && !ended.get()) {
          client.onNext(message.get());
        }
        if (source.isComplete() && end()) {
          client.onCompleted();
        }
      }
    } catch (StatusRuntimeException refused) {
      if (end()) {
        client.onError(refused);
      }
    } catch (RuntimeException failed) {
      LOG.warn("A client that watches is given up", failed);
      if (end()) {
        client.onError(Status.INTERNAL.withCause(failed).asRuntimeException());
      }
    } finally {
      scheduled.set(false);
      wake();
    }
  }

  private boolean end() {
    boolean first = ended.compareAndSet(false, true);
    if (first) {
      source.close();
    }
    return first;
  }
}

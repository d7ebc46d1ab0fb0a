package io.fullrank.metrics.watch;

import io.fullrank.metrics.query.Digest;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.store.Portion;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/**
 * One client watching some runs. It holds the names of runs that changed and digests of what the
 * client was told, no states: when the client is ready, it gets the runs as they are then.
 *
 * @param <R> the responses
 */
final class RunsWatch<R> implements CoalescedStream.Source<R>, RunChanges.Listener {

  // When an instance has died, another one soon holds its runs; until then other streams go on.
  private static final long ATTEMPT_MILLIS = 250;
  private static final Duration GIVEN_UP_AFTER = Duration.ofSeconds(30);

  private final String subject;
  private final Supplier<List<Run>> all;
  private final RunQueries queries;
  private final ScheduledExecutorService executor;
  private final BiFunction<List<Run>, String, R> response;

  // Guarded by this.
  private final Set<String> changed = new HashSet<>();
  private boolean any = true;

  // Used by the sending thread alone: digests of the states that the client was told, by run, and
  // of those that a resume token says it was told before.
  private final Map<String, Long> told = new LinkedHashMap<>();
  private final Set<Long> toldBefore;
  private final Set<String> unsettled = new HashSet<>();

  private Optional<Long> failingSince = Optional.empty();

  private volatile CoalescedStream<R> stream;
  private volatile RunChanges.Watching watching;

  private RunsWatch(
      String subject,
      Supplier<List<Run>> all,
      RunQueries queries,
      ScheduledExecutorService executor,
      Set<Long> toldBefore,
      BiFunction<List<Run>, String, R> response) {
    this.subject = subject;
    this.all = all;
    this.queries = queries;
    this.executor = executor;
    this.response = response;
    this.toldBefore = toldBefore;
  }

  /**
   * Watches a run until it is settled.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT if the token is too long
   */
  static RunsWatch<WatchRunResponse> ofRun(
      String run, String resumeToken, RunQueries queries, ScheduledExecutorService executor) {
    return new RunsWatch<>(
        "run: " + run,
        () -> queries.run(run).stream().toList(),
        queries,
        executor,
        ResumeToken.states(resumeToken, 1),
        (runs, token) ->
            WatchRunResponse.newBuilder().setRun(runs.get(0)).setResumeToken(token).build());
  }

  /**
   * Watches an experiment's runs until all are settled.
   *
   * @param count how many runs it has
   * @throws StatusRuntimeException INVALID_ARGUMENT if the token is too long
   */
  static RunsWatch<WatchExperimentResponse> ofExperiment(
      String experiment,
      int count,
      String resumeToken,
      RunQueries queries,
      ScheduledExecutorService executor) {
    return new RunsWatch<>(
        "experiment: " + experiment,
        () -> queries.experiment(experiment),
        queries,
        executor,
        ResumeToken.states(resumeToken, count),
        (runs, token) ->
            WatchExperimentResponse.newBuilder().addAllRuns(runs).setResumeToken(token).build());
  }

  /**
   * Begins.
   *
   * @param to the stream that this is the source of
   * @param handle ends the calls to this listener
   */
  void start(CoalescedStream<R> to, RunChanges.Watching handle) {
    watching = handle;
    stream = to;
    to.start();
  }

  @Override
  public void changed(String run, String experiment) {
    synchronized (this) {
      changed.add(run);
    }
    wake();
  }

  @Override
  public void anyChanged() {
    synchronized (this) {
      any = true;
    }
    wake();
  }

  @Override
  public synchronized boolean isPending() {
    return any || !changed.isEmpty();
  }

  @Override
  public Optional<R> take() {
    boolean afresh;
    Set<String> names;
    synchronized (this) {
      afresh = any;
      names = Set.copyOf(changed);
      any = false;
      changed.clear();
    }
    Optional<List<Run>> answer = answer(() -> afresh ? all.get() : queries.runs(names));
    if (answer.isEmpty()) {
      synchronized (this) {
        any |= afresh;
        changed.addAll(names);
      }
      return Optional.empty();
    }
    List<Run> runs = answer.get();
    Set<String> present = new HashSet<>();
    runs.forEach(run -> present.add(run.getRequest().getRun()));
    (afresh ? Set.copyOf(told.keySet()) : names)
        .stream().filter(run -> !present.contains(run)).forEach(this::forget);
    if (afresh ? runs.isEmpty() : told.isEmpty() && runs.isEmpty()) {
      throw Status.NOT_FOUND.withDescription(subject + " was deleted").asRuntimeException();
    }

    List<Run> news = new ArrayList<>();
    long bytes = 0;
    for (Run run : runs) {
      String name = run.getRequest().getRun();
      long digest = Digest.of(run);
      if (digest == told.getOrDefault(name, digest + 1)) {
        continue;
      }
      if (toldBefore.remove(digest)) {
        tell(name, digest, run);
        continue;
      }
      bytes += run.getSerializedSize();
      if (bytes > Portion.BYTES && !news.isEmpty()) {
        // The rest is sent with the next response, as it is then.
        synchronized (this) {
          changed.add(name);
        }
        continue;
      }
      tell(name, digest, run);
      news.add(run);
    }
    return news.isEmpty()
        ? Optional.empty()
        : Optional.of(response.apply(news, ResumeToken.of(told.values())));
  }

  @Override
  public boolean isComplete() {
    return !isPending() && unsettled.isEmpty() && !told.isEmpty();
  }

  @Override
  public void close() {
    watching.close();
  }

  /**
   * Returns the answer to a question, or empty if it is to be asked again.
   *
   * @throws StatusRuntimeException UNAVAILABLE once there has been none for too long
   */
  private Optional<List<Run>> answer(Supplier<List<Run>> question) {
    Context.CancellableContext limited =
        Context.current()
            .withDeadline(Deadline.after(ATTEMPT_MILLIS, TimeUnit.MILLISECONDS), executor);
    try {
      List<Run> runs = limited.call(question::get);
      failingSince = Optional.empty();
      return Optional.of(runs);
    } catch (StatusRuntimeException failed) {
      long now = System.nanoTime();
      long since = failingSince.orElse(now);
      if (failed.getStatus().getCode() != Status.Code.UNAVAILABLE
          || now - since > GIVEN_UP_AFTER.toNanos()) {
        throw failed;
      }
      failingSince = Optional.of(since);
      return Optional.empty();
    } catch (Exception failed) {
      throw new IllegalStateException("only questions are asked", failed);
    } finally {
      limited.cancel(null);
    }
  }

  private void wake() {
    // Changes may come before the stream is there; it looks when it starts.
    if (stream != null) {
      stream.wake();
    }
  }

  private void tell(String name, long digest, Run run) {
    told.put(name, digest);
    if (RunHistory.isSettled(run)) {
      unsettled.remove(name);
    } else {
      unsettled.add(name);
    }
  }

  private void forget(String name) {
    told.remove(name);
    unsettled.remove(name);
  }
}

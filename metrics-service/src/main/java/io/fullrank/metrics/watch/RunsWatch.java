package io.fullrank.metrics.watch;

import io.fullrank.metrics.query.Digest;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.metrics.store.SubmissionOrder;
import io.fullrank.metrics.v1.Submission;
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
import java.util.function.Function;
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
  private final Function<Optional<Submission>, Portion<Run>> runs;
  private final RunQueries queries;
  private final ScheduledExecutorService executor;
  private final BiFunction<List<Run>, String, R> response;

  // Guarded by this.
  private final Set<String> changed = new HashSet<>();
  private boolean any = true;
  // If any run may have changed: the place after which to look at them, empty for the first.
  private Optional<Submission> after = Optional.empty();

  // Used by the sending thread alone: digests of the states that the client was told, by run, and
  // of those that a resume token says it was told before.
  private final Map<String, Long> told = new LinkedHashMap<>();
  private final Set<Long> toldBefore;
  private final Set<String> unsettled = new HashSet<>();
  // The runs among those that were told which have not been met while all are looked at.
  private final Set<String> unmet = new HashSet<>();

  private Optional<Long> failingSince = Optional.empty();

  private volatile CoalescedStream<R> stream;
  private volatile RunChanges.Watching watching;

  private RunsWatch(
      String subject,
      Function<Optional<Submission>, Portion<Run>> runs,
      RunQueries queries,
      ScheduledExecutorService executor,
      Set<Long> toldBefore,
      BiFunction<List<Run>, String, R> response) {
    this.subject = subject;
    this.runs = runs;
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
        after -> queries.runs(List.of(run)),
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
        after -> queries.experiment(experiment, after),
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
      after = Optional.empty();
    }
    wake();
  }

  @Override
  public synchronized boolean isPending() {
    return any || !changed.isEmpty();
  }

  @Override
  public Optional<R> take() {
    boolean all;
    Optional<Submission> from;
    Set<String> names;
    synchronized (this) {
      all = any;
      from = after;
      names = all ? Set.of() : Set.copyOf(changed);
      if (from.isEmpty()) {
        changed.clear();
      }
      any = false;
      after = Optional.empty();
    }
    Optional<Portion<Run>> answer = answer(() -> all ? runs.apply(from) : queries.runs(names));
    if (answer.isEmpty()) {
      again(all, from, names);
      return Optional.empty();
    }
    if (all && from.isEmpty()) {
      unmet.clear();
      unmet.addAll(told.keySet());
    }

    List<Run> news = new ArrayList<>();
    long bytes = 0;
    Optional<Submission> reached = from;
    Set<String> left = new HashSet<>(names);
    boolean whole = !answer.get().isFull();
    for (Run run : answer.get().values()) {
      String name = run.getRequest().getRun();
      long digest = Digest.of(run);
      if (digest != told.getOrDefault(name, digest + 1) && !toldBefore.remove(digest)) {
        bytes += run.getSerializedSize();
        if (bytes > Portion.BYTES && !news.isEmpty()) {
          whole = false;
          break;
        }
        news.add(run);
      }
      tell(name, digest, run);
      reached = Optional.of(SubmissionOrder.of(run.getRequest()));
      left.remove(name);
      unmet.remove(name);
    }
    if (!whole) {
      // The rest is sent with the next response, as it is then.
      again(all, reached, left);
    } else if (all) {
      unmet.forEach(this::forget);
      toldBefore.clear();
    } else {
      left.forEach(this::forget);
    }
    if (whole && told.isEmpty()) {
      throw Status.NOT_FOUND.withDescription(subject + " was deleted").asRuntimeException();
    }
    return news.isEmpty()
        ? Optional.empty()
        : Optional.of(response.apply(news, ResumeToken.of(told.values())));
  }

  private synchronized void again(boolean all, Optional<Submission> from, Set<String> names) {
    // Unless all have to be looked at from the first one since.
    if (all && !any) {
      any = true;
      after = from;
    }
    changed.addAll(names);
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
  private Optional<Portion<Run>> answer(Supplier<Portion<Run>> question) {
    Context.CancellableContext limited =
        Context.current()
            .withDeadline(Deadline.after(ATTEMPT_MILLIS, TimeUnit.MILLISECONDS), executor);
    try {
      Portion<Run> answer = limited.call(question::get);
      failingSince = Optional.empty();
      return Optional.of(answer);
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

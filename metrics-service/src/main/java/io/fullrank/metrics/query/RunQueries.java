package io.fullrank.metrics.query;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.Timestamp;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.store.Concerns;
import io.fullrank.metrics.store.ExperimentFigures;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.HeldPartitions.Held;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.store.SubmissionOrder;
import io.fullrank.metrics.streams.RunStreams;
import io.fullrank.metrics.v1.ExperimentPlace;
import io.fullrank.metrics.v1.GetRunsRequest;
import io.fullrank.metrics.v1.GetRunsResponse;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.HeldExperimentsRequest;
import io.fullrank.metrics.v1.HeldRunsRequest;
import io.fullrank.metrics.v1.PeerServiceGrpc;
import io.fullrank.metrics.v1.PeerServiceGrpc.PeerServiceBlockingStub;
import io.fullrank.metrics.v1.PeerServiceGrpc.PeerServiceFutureStub;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.ListAttentionRequest;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunCount;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.streams.state.HostInfo;

/**
 * Answers questions about all runs, whichever instance holds them: a run's partition is asked where
 * it is, lists are put together from all instances. While partitions move, answers wait for them,
 * no longer than the caller's deadline; UNAVAILABLE then says which ones are missing.
 */
public final class RunQueries {

  /**
   * An experiment put together from all partitions.
   *
   * @param figures of all its runs
   */
  public record ExperimentState(HeldExperiment figures) {

    /** The newest first. */
    public static final Comparator<ExperimentPlace> ORDER =
        Comparator.comparing(ExperimentPlace::getSubmittedAt, SubmissionOrder.BY_TIME)
            .reversed()
            .thenComparing(ExperimentPlace::getExperiment);

    /** Returns the place of its first run. */
    public Submission first() {
      return figures.getFirst();
    }

    /** Returns when the last of the runs that have ended did, or empty if none has. */
    public Optional<Timestamp> lastEnd() {
      return figures.hasLastEnd() ? Optional.of(figures.getLastEnd()) : Optional.empty();
    }

    /** Returns how many runs there are. */
    public int count() {
      return figures.getRunsList().stream().mapToInt(RunCount::getRuns).sum();
    }

    public ExperimentPlace place() {
      return ExperimentPlace.newBuilder()
          .setSubmittedAt(first().getAt())
          .setExperiment(first().getExperiment())
          .build();
    }
  }

  /** How long an answer is waited for without a deadline, and at most with one. */
  private static final long LIMIT_MILLIS = 10_000;

  /** How long one attempt to get an answer may take: the instance asked may have died. */
  private static final long ATTEMPT_MILLIS = 2_000;

  // Left of the caller's deadline, so that the reason still reaches the caller.
  private static final long MARGIN_MILLIS = 50;
  private static final long FIRST_PAUSE_MILLIS = 20;
  private static final long LONGEST_PAUSE_MILLIS = 320;

  private final HeldPartitions partitions;
  private final RunStreams streams;
  private final Peers peers;

  public RunQueries(HeldPartitions partitions, RunStreams streams, Peers peers) {
    this.partitions = partitions;
    this.streams = streams;
    this.peers = peers;
  }

  /** No instance holds a partition at the moment, or the one that holds it does not answer. */
  private static final class NotHeldException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotHeldException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * Returns a run, or empty if none of this name was submitted.
   *
   * @throws StatusRuntimeException UNAVAILABLE if not all answers come in time, as every method
   *     here
   */
  public Optional<Run> run(String name) {
    return atOwner(
        name,
        partition -> partition.run(name),
        peer -> {
          GetRunsResponse found = peer.getRuns(GetRunsRequest.newBuilder().addRuns(name).build());
          int partition = streams.partitionOf(name);
          if (!found.getPartitionsList().contains(partition)) {
            throw missing(Set.of(partition));
          }
          return found.getRunsList().stream().findFirst();
        });
  }

  /**
   * Returns those of some runs that were submitted, in the order of their submission, as many as
   * one answer takes.
   */
  public Portion<Run> runs(Collection<String> names) {
    GetRunsRequest request = GetRunsRequest.newBuilder().addAllRuns(names).build();
    return first(
        everywhere(
            names.stream().map(streams::partitionOf).collect(Collectors.toSet()),
            held -> held.runs(names),
            peer -> peer.getRuns(request),
            found -> held(found.getPartitionsList(), found.getRunsList())),
        Integer.MAX_VALUE);
  }

  /**
   * Returns all runs of an experiment in the order of their submission, read as the stream goes on:
   * only some of them are held at a time.
   */
  public Stream<Run> experiment(String experiment) {
    return Stream.iterate(
            Optional.of(experiment(experiment, Optional.empty())),
            Optional::isPresent,
            before ->
                before
                    .filter(Portion::isFull)
                    .map(some -> some.values().get(some.values().size() - 1))
                    .map(last -> Optional.of(SubmissionOrder.of(last.getRequest())))
                    .map(place -> experiment(experiment, place)))
        .flatMap(some -> some.orElseThrow().values().stream());
  }

  /**
   * Returns runs of an experiment in the order of their submission, as many as one answer takes.
   *
   * @param after the place after which to begin, or empty for the first
   */
  public Portion<Run> experiment(String experiment, Optional<Submission> after) {
    return runs(RunFilter.newBuilder().setExperiment(experiment).build(), after, Integer.MAX_VALUE);
  }

  /**
   * Returns runs in the order of their submission, as many as one answer takes.
   *
   * @param after the place after which to begin, or empty for the first
   * @param limit how many at most
   */
  public Portion<Run> runs(RunFilter filter, Optional<Submission> after, int limit) {
    HeldRunsRequest.Builder request =
        HeldRunsRequest.newBuilder().setFilter(filter).setLimit(limit);
    after.ifPresent(request::setAfter);
    return first(
        everywhere(
            all(),
            held -> held.runs(filter, after, limit),
            peer -> peer.listRuns(request.build()),
            found -> held(found.getPartitionsList(), found.getRunsList())),
        limit);
  }

  private static Portion<Run> first(Collection<Run> runs, int limit) {
    NavigableMap<Submission, Run> ordered = new TreeMap<>(SubmissionOrder.COMPARATOR);
    runs.forEach(run -> ordered.put(SubmissionOrder.of(run.getRequest()), run));
    Portion<Run> first = new Portion<>(limit);
    for (Run run : ordered.values()) {
      if (first.isFull()) {
        break;
      }
      first.add(run);
    }
    return first;
  }

  /** Returns all experiments, the newest first. */
  public List<ExperimentState> experiments() {
    List<HeldExperiment> parts =
        everywhere(
            all(),
            HeldPartitions::experiments,
            peer -> peer.listExperiments(HeldExperimentsRequest.getDefaultInstance()),
            found -> held(found.getPartitionsList(), found.getExperimentsList()));
    Map<String, ExperimentFigures> merged = new HashMap<>();
    // In one order, so that sums are the same to the last bit whichever instance is asked.
    for (HeldExperiment part :
        parts.stream()
            .sorted(Comparator.comparing(HeldExperiment::getFirst, SubmissionOrder.COMPARATOR))
            .toList()) {
      merged
          .computeIfAbsent(
              part.getFirst().getExperiment(), unused -> new ExperimentFigures(part.getFirst()))
          .add(part);
    }
    return merged.values().stream()
        .map(figures -> new ExperimentState(figures.held()))
        .sorted(Comparator.comparing(ExperimentState::place, ExperimentState.ORDER))
        .toList();
  }

  /**
   * Returns what a person should look at, the latest first, and how much of it there is.
   *
   * @param limit how many at most
   */
  public ListAttentionResponse attention(int limit) {
    ListAttentionRequest request = ListAttentionRequest.newBuilder().setLimit(limit).build();
    return Concerns.latest(
        everywhere(
            all(),
            held -> held.attention(limit),
            peer -> peer.listAttention(request),
            found -> held(found.getPartitionsList(), List.of(found.getHeld()))),
        limit);
  }

  /** Lists progress of a run; empty if no run of this name was submitted. */
  public Optional<ListProgressResponse> progress(ListProgressRequest request) {
    return atOwner(
        request.getRun(),
        partition -> StepLists.list(partition, request),
        peer -> found(() -> peer.listProgress(request)));
  }

  /** Lists verdicts of a run; empty if no run of this name was submitted. */
  public Optional<ListVerdictsResponse> verdicts(ListVerdictsRequest request) {
    return atOwner(
        request.getRun(),
        partition -> StepLists.list(partition, request),
        peer -> found(() -> peer.listVerdicts(request)));
  }

  private <T> T atOwner(
      String run, Function<RunPartition, T> here, Function<PeerServiceBlockingStub, T> there) {
    int number = streams.partitionOf(run);
    return retrying(
        deadline -> {
          Optional<RunPartition> own = partitions.partition(number);
          if (own.isPresent()) {
            return here.apply(own.get());
          }
          HostInfo other = streams.otherWith(number).orElseThrow(() -> missing(Set.of(number)));
          return there.apply(
              PeerServiceGrpc.newBlockingStub(peers.to(other)).withDeadline(deadline));
        });
  }

  private <R, T> List<T> everywhere(
      Set<Integer> wanted,
      Function<HeldPartitions, Held<T>> here,
      Function<PeerServiceFutureStub, ListenableFuture<R>> there,
      Function<R, Held<T>> held) {
    return retrying(
        deadline -> {
          Held<T> own = here.apply(partitions);
          Set<Integer> missing = new TreeSet<>(wanted);
          missing.removeAll(own.partitions());
          if (missing.isEmpty()) {
            return own.values();
          }
          Map<HostInfo, ListenableFuture<R>> asked = new HashMap<>();
          for (HostInfo other : streams.others()) {
            asked.put(
                other,
                there.apply(PeerServiceGrpc.newFutureStub(peers.to(other)).withDeadline(deadline)));
          }
          List<T> values = new ArrayList<>(own.values());
          StatusRuntimeException silence = null;
          for (ListenableFuture<R> answer : asked.values()) {
            try {
              Held<T> theirs = held.apply(answer.get());
              values.addAll(theirs.values());
              missing.removeAll(theirs.partitions());
            } catch (ExecutionException failed) {
              silence = (StatusRuntimeException) failed.getCause();
            } catch (InterruptedException interrupted) {
              Thread.currentThread().interrupt();
              throw Status.CANCELLED.withCause(interrupted).asRuntimeException();
            }
          }
          if (missing.isEmpty()) {
            return values;
          }
          throw silence == null ? missing(missing) : silence;
        });
  }

  private static <T> T retrying(Function<Deadline, T> attempt) {
    Context context = Context.current();
    Deadline limit = Deadline.after(LIMIT_MILLIS, TimeUnit.MILLISECONDS);
    if (context.getDeadline() != null) {
      limit = limit.minimum(context.getDeadline().offset(-MARGIN_MILLIS, TimeUnit.MILLISECONDS));
    }
    long pause = FIRST_PAUSE_MILLIS;
    while (true) {
      RuntimeException reason;
      try {
        return attempt.apply(limit.minimum(Deadline.after(ATTEMPT_MILLIS, TimeUnit.MILLISECONDS)));
      } catch (RunPartition.ClosedException | NotHeldException moving) {
        reason = moving;
      } catch (StatusRuntimeException failed) {
        if (failed.getStatus().getCode() != Status.Code.UNAVAILABLE
            && failed.getStatus().getCode() != Status.Code.DEADLINE_EXCEEDED) {
          throw failed;
        }
        reason = failed;
      }
      if (context.isCancelled() || limit.timeRemaining(TimeUnit.MILLISECONDS) <= pause) {
        throw Status.UNAVAILABLE
            .withDescription(
                "not all runs can be reached now, try again: %s".formatted(reason.getMessage()))
            .withCause(reason)
            .asRuntimeException();
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw Status.CANCELLED.withCause(interrupted).asRuntimeException();
      }
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  private Set<Integer> all() {
    return IntStream.range(0, streams.partitions()).boxed().collect(Collectors.toSet());
  }

  private static NotHeldException missing(Set<Integer> partitions) {
    return new NotHeldException(
        "no instance holds partition %s; partitions are moving between instances"
            .formatted(partitions.stream().map(String::valueOf).collect(Collectors.joining(", "))),
        null);
  }

  private static <T> Optional<T> found(Supplier<T> answer) {
    try {
      return Optional.of(answer.get());
    } catch (StatusRuntimeException refused) {
      if (refused.getStatus().getCode() == Status.Code.NOT_FOUND) {
        return Optional.empty();
      }
      throw refused;
    }
  }

  private static <T> Held<T> held(List<Integer> partitions, List<T> values) {
    return new Held<>(Set.copyOf(partitions), values);
  }
}

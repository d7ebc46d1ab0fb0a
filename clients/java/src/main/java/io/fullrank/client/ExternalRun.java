package io.fullrank.client;

import io.fullrank.client.Outbox.Entry;
import io.fullrank.client.Outbox.Kind;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.Verdict;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A run that this program trains and a Fullrank server shows and certifies. All methods may be
 * called by any thread. Apart from {@link #start}, {@link #awaitVerdict} and {@link #end}, whose
 * waits are bounded, none of them waits for anything or fails because of the server: one daemon
 * thread sends what a bounded queue holds, begins again after a lost connection, and drops and
 * counts what does not fit. What goes wrong is logged by {@link Logger} {@code io.fullrank.client}.
 */
public final class ExternalRun implements AutoCloseable {

  private static final Logger LOG = System.getLogger("io.fullrank.client");
  private static final int PROGRESS_CAPACITY = 1000;
  private static final Duration REGISTRATION_LIMIT = Duration.ofSeconds(5);
  private static final Duration END_LIMIT = Duration.ofSeconds(30);

  private final Outbox outbox = new Outbox(PROGRESS_CAPACITY);
  private final Answers answers;
  private final Reporter reporter;
  private final long started = System.nanoTime();
  private boolean ended;

  private ExternalRun(
      Connection connection, RunDescription description, Consumer<RuleEvent> onAdvice) {
    answers = new Answers(description.begin().getAttempt(), onAdvice);
    reporter = new Reporter(connection, description, outbox, answers);
  }

  /**
   * Starts a run. Waits at most 5 seconds for the server, so that its warnings, such as that no
   * certificate can come, are there before training; without an answer training goes on and the
   * server is tried again.
   *
   * @throws IllegalArgumentException if a file of the connection is not what it should be
   */
  public static ExternalRun start(Connection connection, RunDescription description)
      throws InterruptedException {
    return start(connection, description, advice -> {});
  }

  /**
   * Starts a run as {@link #start(Connection, RunDescription)} does, with a listener for what rules
   * advise.
   *
   * @param onAdvice hears each advice once, on a thread of its own beside training, which it must
   *     not hold up for long; advice to stop is also a {@link #stopRequested}
   */
  public static ExternalRun start(
      Connection connection, RunDescription description, Consumer<RuleEvent> onAdvice)
      throws InterruptedException {
    ExternalRun run = new ExternalRun(connection, description, onAdvice);
    Thread thread =
        new Thread(run.reporter, "fullrank-" + description.registration().getSpec().getName());
    thread.setDaemon(true);
    thread.start();
    run.answers.awaitRegistration(REGISTRATION_LIMIT);
    return run;
  }

  /** Returns the run's name at the server; empty until that has registered it. */
  public Optional<String> name() {
    return answers.registration().map(RegisterRunResponse::getRun);
  }

  /** Returns the identity of the run's experiment; empty until the server has registered it. */
  public Optional<String> experiment() {
    return answers.registration().map(RegisterRunResponse::getExperiment);
  }

  /** Returns what the server warned of when it registered the run. */
  public List<String> warnings() {
    return answers.registration().stream()
        .flatMap(registered -> registered.getWarningsList().stream())
        .toList();
  }

  /** Returns why the server does not want this run; empty if it does, or is not known to. */
  public Optional<String> refusal() {
    return answers.refusal();
  }

  /**
   * Returns why the run is to stop training, such as that it was cancelled or that a rule advises
   * it; empty if it is not.
   */
  public Optional<String> stopRequested() {
    return answers.stop();
  }

  /** Returns how many reports of progress were dropped. */
  public long droppedProgress() {
    return outbox.droppedProgress();
  }

  /** Returns how many snapshots were reported, and how many of them were dropped. */
  public SnapshotCounts snapshots() {
    return outbox.snapshots();
  }

  /**
   * Reports progress. Where more than 1000 reports wait, the oldest is dropped.
   *
   * @param progress what was measured; its seconds and counts of snapshots are set here
   */
  public void log(Progress progress) {
    Progress.Builder complete =
        progress.toBuilder().setSnapshots(outbox.snapshots()).setSeconds(seconds());
    if (progress.getPhase() == Phase.PHASE_UNSPECIFIED) {
      complete.setPhase(Phase.PHASE_ONE);
    }
    outbox.offer(
        new Entry(
            Kind.PROGRESS,
            ReportRequest.newBuilder().setProgress(complete).build(),
            Optional.empty()));
  }

  /**
   * Reports features to be certified while phase 1 goes on.
   *
   * @param step steps done
   * @param matrix n × m_H (copied), the training rows in the same order each time, without the
   *     column of ones
   * @throws IllegalArgumentException as {@link Features#of(float[][])}
   */
  public void features(long step, float[][] matrix) {
    features(step, Phase.PHASE_ONE, false, Features.of(matrix));
  }

  /**
   * Reports features to be certified while phase 1 goes on.
   *
   * @param step steps done
   * @param rowMajor n × m_H entries (copied), the training rows in the same order each time,
   *     without the column of ones
   * @throws IllegalArgumentException as {@link Features#of(float[], int, int)}
   */
  public void features(long step, float[] rowMajor, int rows, int columns) {
    features(step, Phase.PHASE_ONE, false, Features.of(rowMajor, rows, columns));
  }

  /**
   * Reports features to be certified. One matrix waits to be sent: a newer one takes its place, but
   * never that of a witness. One step has one snapshot: what is reported of it again is not
   * certified again.
   *
   * @param step steps done
   * @param phase that the run is in
   * @param witness whether phase 2 is to train on exactly these features
   * @param features n × m_H; with an entry that is not finite they are dropped, with a warning
   */
  public void features(long step, Phase phase, boolean witness, Features features) {
    Entry snapshot =
        new Entry(
            witness ? Kind.WITNESS : Kind.SNAPSHOT,
            ReportRequest.newBuilder()
                .setSnapshot(
                    SnapshotBegin.newBuilder()
                        .setStep(step)
                        .setPhase(phase)
                        .setWitness(witness)
                        .setRows(features.rows())
                        .setColumns(features.columns())
                        .setType(features.type()))
                .build(),
            Optional.of(features));
    boolean offered = features.fault().isEmpty() ? outbox.offer(snapshot) : outbox.refuse(snapshot);
    features
        .fault()
        .ifPresent(
            fault ->
                LOG.log(
                    Level.WARNING,
                    "Fullrank: the features of step {0} are not sent: {1}",
                    Long.toString(step),
                    fault));
    if (!offered) {
      answers.noVerdict(step);
    }
  }

  /**
   * Waits for the verdict on the features of a step.
   *
   * @param limit the longest wait
   * @return empty if none comes within the limit, or it is known that none will: the features were
   *     not sent or the checker skipped them, the server refuses the run or wants it to stop
   */
  public Optional<Verdict> awaitVerdict(long step, Duration limit) throws InterruptedException {
    return awaitVerdict(step, Answers.OF_FEATURES, limit);
  }

  /**
   * Waits for the verdict of a check on what was sent of a step, as {@link #awaitVerdict(long,
   * Duration)} does for that of expressivity.
   */
  public Optional<Verdict> awaitVerdict(long step, String check, Duration limit)
      throws InterruptedException {
    return answers.awaitVerdict(step, check, limit);
  }

  /** Reports the guarantee of phase 2 as it stands at the switch; see {@link WitnessGuarantee}. */
  public void guarantee(Guarantee guarantee) {
    outbox.offer(
        new Entry(
            Kind.GUARANTEE,
            ReportRequest.newBuilder().setGuarantee(guarantee).build(),
            Optional.empty()));
  }

  /**
   * Ends the run as finished, or whatever state the result has; waits at most 30 seconds until the
   * server has everything. Only the first end counts.
   *
   * @param result its seconds and counts of snapshots are set here
   * @return whether the server has everything that was not dropped
   */
  public boolean end(RunResult result) throws InterruptedException {
    return end(result, END_LIMIT);
  }

  /**
   * Ends the run as finished, or whatever state the result has. Only the first end counts.
   *
   * @param result its seconds and counts of snapshots are set here
   * @param limit the longest wait until the server has everything
   * @return whether the server has everything that was not dropped
   */
  public boolean end(RunResult result, Duration limit) throws InterruptedException {
    if (!markEnded()) {
      return false;
    }
    RunResult.Builder complete = result.toBuilder().setSeconds(seconds());
    if (result.getState() == RunState.RUN_STATE_UNSPECIFIED) {
      complete.setState(RunState.RUN_STATE_FINISHED);
    }
    outbox.offer(
        new Entry(
            Kind.RESULT, ReportRequest.newBuilder().setResult(complete).build(), Optional.empty()));
    boolean accepted = outbox.awaitAccepted(limit);
    if (!accepted && answers.refusal().isEmpty()) {
      LOG.log(
          Level.WARNING,
          "Fullrank: the server has not accepted everything within {0} s; the rest is lost",
          limit.toSeconds());
    }
    reporter.close();
    return accepted;
  }

  /** Ends the run as failed, if it has not ended: training has left without a result. */
  @Override
  public void close() throws InterruptedException {
    end(
        RunResult.newBuilder()
            .setState(RunState.RUN_STATE_FAILED)
            .setReason("the training program has closed the run before its end")
            .build());
  }

  private synchronized boolean markEnded() {
    boolean first = !ended;
    ended = true;
    return first;
  }

  private double seconds() {
    return (System.nanoTime() - started) / 1e9;
  }
}

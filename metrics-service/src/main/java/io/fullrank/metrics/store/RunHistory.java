package io.fullrank.metrics.store;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.metrics.v1.Beginning;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.StoredRunOrBuilder;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is known of one run: the fold of its records, in state stores.
 *
 * <p>Records of one topic come in order, those of different topics in any. Records may come twice.
 * What a trainer reports of a higher attempt replaces what it reported of lower attempts, except up
 * to the step from which the higher attempt resumed. Until a higher attempt reports, its checks are
 * kept aside, since a verdict can overtake the start of the attempt that it belongs to. Not safe
 * for use by several threads.
 */
public final class RunHistory {

  private static final int MAX_RULE_EVENTS = 100;

  private final PartitionStores stores;
  private final String name;
  private final Instant now;
  private final StoredRun before;
  private final StoredRun.Builder run;
  private final CheckLedger checks;

  /**
   * Opens the history of a run.
   *
   * @param stores where it lies
   * @param name the run's name
   * @param now the time at which records are folded
   */
  RunHistory(PartitionStores stores, String name, Instant now) {
    this.stores = stores;
    this.name = name;
    this.now = now;
    before = stores.run(name);
    run = before.toBuilder();
    checks = new CheckLedger(stores.checks(), name, run);
  }

  /**
   * Takes the newest request of the run. A request after a deletion begins a new run of that name.
   */
  boolean requested(RunRequest newest) {
    if (newest.equals(run.getRequest())) {
      return false;
    }
    run.setRequest(newest).clearDeletedAt().clearOrphanSince();
    return true;
  }

  /** Takes note that the run's request was deleted: only the time of the deletion is kept. */
  boolean withdrawn() {
    boolean known = isKnown(run);
    erase();
    run.clear().setDeletedAt(timestamp(now));
    return known;
  }

  /** Takes what a trainer, or a program outside Fullrank, reported. */
  boolean reported(RunEvent event) {
    int age = Long.compareUnsigned(event.getAttempt(), run.getAttempt());
    if (age < 0 || run.hasDeletedAt()) {
      return false;
    }
    if (age > 0) {
      begin(event);
    }
    boolean heard = heard(event);
    return take(event) || heard;
  }

  private boolean take(RunEvent event) {
    return switch (event.getEventCase()) {
      case STARTED -> {
        RunHeader header = header(event.getStarted());
        boolean changed = !run.hasHeader() || !header.equals(run.getHeader());
        run.setHeader(header);
        yield changed;
      }
      case PROGRESS -> {
        Progress newest = newest(event.getProgress());
        boolean changed =
            !run.hasProgress()
                || (!newest.equals(run.getProgress())
                    && Long.compareUnsigned(newest.getStep(), run.getProgress().getStep()) >= 0);
        if (changed) {
          run.setProgress(newest);
          stores.progress().put(name, newest);
          if (isExternal()) {
            run.setLatestFigures(
                Measurements.joined(run.getLatestFigures(), newest).toBuilder()
                    .clearGradientNorms());
          }
        }
        yield changed;
      }
      case GUARANTEE -> {
        boolean changed = !run.hasGuarantee() || !event.getGuarantee().equals(run.getGuarantee());
        run.setGuarantee(event.getGuarantee());
        yield changed;
      }
      case FINISHED -> {
        boolean changed = !run.hasResult() || !event.getFinished().equals(run.getResult());
        run.setResult(event.getFinished());
        if (changed && isExternal()) {
          run.setLatestFigures(
              Measurements.joined(
                  run.getLatestFigures(), Measurements.reported(event.getFinished())));
        }
        if (changed && event.hasAt()) {
          run.setEndedAt(event.getAt());
        }
        yield changed;
      }
      case HEARTBEAT -> {
        Duration interval = event.getHeartbeat().getInterval();
        boolean changed = !interval.equals(run.getHeartbeatInterval());
        run.setHeartbeatInterval(interval);
        yield changed;
      }
      case RULE -> acted(event.getRule());
      case EVENT_NOT_SET -> false;
    };
  }

  /** Takes what a rule has done. Advice to an external run may come again with each stream. */
  private boolean acted(RuleEvent told) {
    boolean again =
        run.getRuleEventsList().stream()
            .anyMatch(
                known ->
                    known.equals(told)
                        || (known.getCondition() == told.getCondition()
                            && known.getAction() == told.getAction()
                            // All others act once.
                            && told.getAction() != RuleAction.RULE_ACTION_PERTURB));
    if (again) {
      return false;
    }
    if (run.getRuleEventsCount() == MAX_RULE_EVENTS) {
      run.removeRuleEvents(0);
    }
    run.addRuleEvents(told);
    return true;
  }

  private boolean heard(RunEvent event) {
    Timestamp latest = timestamp(now);
    // A clock that is ahead must not hide that the run has fallen silent.
    if (event.hasAt()
        && Timestamps.isValid(event.getAt())
        && Timestamps.compare(event.getAt(), latest) < 0) {
      latest = event.getAt();
    }
    boolean later = !run.hasLastEventAt() || Timestamps.compare(run.getLastEventAt(), latest) < 0;
    if (later) {
      run.setLastEventAt(latest);
    }
    return later;
  }

  // A client that connects again begins again, but the attempt started when it did.
  private RunHeader header(RunHeader started) {
    return run.getHeader().hasStartedAt()
        ? started.toBuilder().setStartedAt(run.getHeader().getStartedAt()).build()
        : started;
  }

  private Progress newest(Progress reported) {
    boolean again = run.hasProgress() && run.getProgress().getStep() == reported.getStep();
    return again && isExternal() ? Measurements.joined(run.getProgress(), reported) : reported;
  }

  // The request may not have been read yet.
  private boolean isExternal() {
    return isExternal(run.getRequest()) || isExternal(run.getHeader().getSpec());
  }

  /** Takes a verdict on a snapshot. */
  boolean checked(Verdict verdict) {
    return decided(
        verdict.getAttempt(),
        verdict.getStep(),
        CheckRecord.newBuilder().setVerdict(verdict).build());
  }

  /** Takes note that a snapshot was left out. */
  boolean skipped(SnapshotSkipped skipped) {
    return decided(
        skipped.getAttempt(),
        skipped.getStep(),
        CheckRecord.newBuilder().setSkipped(skipped).build());
  }

  /** Writes what was folded to the stores. */
  void save() {
    if (isKnown(run)) {
      run.clearOrphanSince();
    } else if (!run.hasDeletedAt() && !run.hasOrphanSince()) {
      run.setOrphanSince(timestamp(now));
    }
    StoredRun after = run.build();
    if (!after.equals(before)) {
      stores.runs().put(name, after.toByteArray());
    }
  }

  /** Removes all that is stored of the run, itself included. */
  void forget() {
    erase();
    stores.runs().delete(name);
  }

  /** Returns the run as it is stored after {@link #save()}. */
  StoredRun stored() {
    return run.build();
  }

  /** Returns whether the run's request has been read; until then the run is shown to nobody. */
  static boolean isKnown(StoredRunOrBuilder run) {
    return run.hasRequest();
  }

  /**
   * Returns whether what an attempt reported of a step has not been replaced by a later attempt.
   *
   * @param attempt not higher than the one that is shown
   */
  public static boolean stands(StoredRunOrBuilder run, long attempt, long step) {
    return run.getBeginningsList().stream()
        .filter(later -> Long.compareUnsigned(later.getAttempt(), attempt) > 0)
        .allMatch(
            later ->
                later.hasResumedFromStep()
                    && Long.compareUnsigned(step, later.getResumedFromStep()) <= 0);
  }

  /** Returns a known run as clients see it at a time. */
  static Run view(StoredRun stored, Instant at) {
    Run.Builder run =
        Run.newBuilder()
            .setRequest(stored.getRequest())
            .setState(state(stored))
            .setStalled(Silence.isStalled(stored, at));
    if (stored.hasLastEventAt()) {
      run.setLastEventAt(stored.getLastEventAt());
    }
    if (stored.hasHeader()) {
      run.setHeader(stored.getHeader());
    }
    if (stored.hasProgress()) {
      run.setProgress(Measurements.shown(stored.getRequest(), stored.getProgress()));
    }
    if (stored.hasLatestFigures()) {
      run.setLatestFigures(stored.getLatestFigures());
    }
    if (stored.hasResult()) {
      run.setResult(stored.getResult());
    }
    guarantee(stored).ifPresent(run::setGuarantee);
    List<Verdict> latest = latestVerdicts(stored);
    latest.stream().findFirst().ifPresent(run::setLatestVerdict);
    run.addAllLatestVerdicts(latest);
    if (stored.hasWitnessVerdict()) {
      run.setWitnessVerdict(stored.getWitnessVerdict());
    }
    return run.addAllRuleEvents(stored.getRuleEventsList()).setSnapshots(snapshots(stored)).build();
  }

  /** Returns the newest verdict of each check, that of expressivity first. */
  static List<Verdict> latestVerdicts(StoredRun run) {
    List<Verdict> latest = new ArrayList<>(run.getOtherVerdictsList());
    if (run.hasLatestVerdict()) {
      latest.add(0, run.getLatestVerdict());
    }
    return latest;
  }

  /** Returns the guarantee of a run as it was stated last; empty if none was. */
  static Optional<Guarantee> guarantee(StoredRun run) {
    if (run.getResult().hasGuarantee()) {
      return Optional.of(run.getResult().getGuarantee());
    }
    return run.hasGuarantee() ? Optional.of(run.getGuarantee()) : Optional.empty();
  }

  /** Returns what became of a run's snapshots. */
  static SnapshotAccount snapshots(StoredRun run) {
    // The result's numbers are final; progress may have been sent before the last snapshots.
    SnapshotCounts counts =
        run.getResult().hasSnapshots()
            ? run.getResult().getSnapshots()
            : run.getProgress().getSnapshots();
    return SnapshotAccount.newBuilder()
        .setPublished(counts.getPublished())
        .setDropped(counts.getDropped())
        .setChecked(run.getCheckedSteps())
        .setSkipped(run.getSkippedSteps())
        .build();
  }

  /** Returns how many snapshots have been neither checked nor skipped nor dropped yet. */
  public static long unaccounted(SnapshotAccount snapshots) {
    // Not below 0: a snapshot given up as dropped may have reached the broker after all.
    return Math.max(
        0,
        snapshots.getPublished()
            - snapshots.getChecked()
            - snapshots.getSkipped()
            - snapshots.getDropped());
  }

  /**
   * Returns the state of a known run. A trainer ends a run that was cancelled with a result;
   * whether the program that trains an external one is still there to do so nobody knows, so that
   * one is cancelled at once.
   */
  static RunState state(StoredRun run) {
    if (run.hasResult()) {
      return run.getResult().getState();
    }
    boolean started = run.getAttempt() != 0;
    if (run.getRequest().getCancelled() && (!started || isExternal(run.getRequest()))) {
      return RunState.RUN_STATE_CANCELLED;
    }
    return started ? RunState.RUN_STATE_RUNNING : RunState.RUN_STATE_PENDING;
  }

  /** Returns whether a program outside Fullrank trains a run. */
  public static boolean isExternal(RunRequest request) {
    return isExternal(request.getSpec());
  }

  private static boolean isExternal(ExperimentSpec spec) {
    return spec.getNetwork().hasExternal();
  }

  /** Returns whether a run in this state has ended. */
  public static boolean hasEnded(RunState state) {
    return switch (state) {
      case RUN_STATE_FINISHED, RUN_STATE_FAILED, RUN_STATE_CANCELLED -> true;
      case RUN_STATE_UNSPECIFIED, RUN_STATE_PENDING, RUN_STATE_RUNNING, UNRECOGNIZED -> false;
    };
  }

  /** Returns whether nothing more will come: the run has ended and no snapshot is left to check. */
  public static boolean isSettled(Run run) {
    return hasEnded(run.getState()) && unaccounted(run.getSnapshots()) == 0;
  }

  private void begin(RunEvent event) {
    RunHeader header = event.getStarted();
    Beginning.Builder beginning = Beginning.newBuilder().setAttempt(event.getAttempt());
    run.setAttempt(event.getAttempt()).clearResult().clearEndedAt();
    run.clearLastEventAt().clearHeartbeatInterval().clearLatestFigures();
    if (header.hasResumedFromStep()) {
      long step = header.getResumedFromStep();
      run.addBeginnings(beginning.setResumedFromStep(step));
      stores.progress().deleteAfter(name, step);
      stores.progress().newest(name).ifPresentOrElse(run::setProgress, run::clearProgress);
      // A guarantee is stated at the switch, whatever it says.
      long stated = Math.max(run.getGuarantee().getFromStep(), run.getHeader().getSwitchStep());
      if (Long.compareUnsigned(stated, step) > 0) {
        run.clearGuarantee();
      }
      List<RuleEvent> standing =
          run.getRuleEventsList().stream()
              .filter(acted -> Long.compareUnsigned(acted.getStep(), step) <= 0)
              .toList();
      run.clearRuleEvents().addAllRuleEvents(standing);
      checks.truncate(step);
    } else {
      run.clearBeginnings().addBeginnings(beginning).clearGuarantee().clearProgress();
      run.clearRuleEvents();
      stores.progress().delete(name);
      checks.clear(event.getAttempt() - 1);
    }
    run.clearHeader();
    for (CheckRecord waiting : checks.takeAside(event.getAttempt())) {
      enter(waiting);
    }
  }

  private boolean decided(long attempt, long step, CheckRecord record) {
    if (run.hasDeletedAt()) {
      return false;
    }
    if (Long.compareUnsigned(attempt, run.getAttempt()) > 0) {
      checks.putAside(attempt, record);
      return false;
    }
    return stands(run, attempt, step) && enter(record);
  }

  private boolean enter(CheckRecord record) {
    if (record.hasVerdict()) {
      Verdict verdict = record.getVerdict();
      return stands(run, verdict.getAttempt(), verdict.getStep()) && checks.checked(verdict);
    }
    SnapshotSkipped skipped = record.getSkipped();
    return stands(run, skipped.getAttempt(), skipped.getStep()) && checks.skipped(skipped);
  }

  private void erase() {
    stores.progress().delete(name);
    checks.clear();
  }

  private static Timestamp timestamp(Instant at) {
    return Timestamps.fromMillis(at.toEpochMilli());
  }
}

package io.fullrank.metrics;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.util.Map;
import java.util.TreeMap;

/**
 * What is known of one run: the fold of its records. It does not know where it is kept.
 *
 * <p>Records of one topic come in order, those of different topics in any. Records may come twice.
 * What a trainer reports of a higher attempt replaces all of the lower ones; until it does, checks
 * of a higher attempt are kept aside, since a verdict can overtake the start that it belongs to.
 * Not safe for use by several threads.
 */
final class RunHistory {

  private RunRequest request;

  // The highest attempt that reported anything; 0 before the first.
  private long attempt;
  private RunHeader header;
  private Progress progress;
  private Guarantee guarantee;
  private RunResult result;

  private final TreeMap<Long, CheckLedger> checks = new TreeMap<>(Long::compareUnsigned);

  /** Takes the newest request of the run. */
  boolean requested(RunRequest newest) {
    if (newest.equals(request)) {
      return false;
    }
    request = newest;
    return true;
  }

  /** Takes note that the run's request was deleted: the run is not known any more. */
  boolean withdrawn() {
    boolean known = request != null;
    request = null;
    return known;
  }

  /** Takes what a trainer reported. */
  boolean reported(RunEvent event) {
    int age = Long.compareUnsigned(event.getAttempt(), attempt);
    if (age < 0) {
      return false;
    }
    if (age > 0) {
      begin(event.getAttempt());
    }
    return switch (event.getEventCase()) {
      case STARTED -> {
        boolean changed = !event.getStarted().equals(header);
        header = event.getStarted();
        yield changed;
      }
      case PROGRESS -> {
        Progress newest = event.getProgress();
        boolean changed =
            !newest.equals(progress)
                && (progress == null
                    || Long.compareUnsigned(newest.getStep(), progress.getStep()) >= 0);
        progress = changed ? newest : progress;
        yield changed;
      }
      case GUARANTEE -> {
        boolean changed = !event.getGuarantee().equals(guarantee);
        guarantee = event.getGuarantee();
        yield changed;
      }
      case FINISHED -> {
        boolean changed = !event.getFinished().equals(result);
        result = event.getFinished();
        yield changed;
      }
      case EVENT_NOT_SET -> false;
    };
  }

  /** Takes a verdict on a snapshot. */
  boolean checked(Verdict verdict) {
    return isPresentOrAhead(verdict.getAttempt())
        && ledger(verdict.getAttempt()).checked(verdict)
        && verdict.getAttempt() == attempt;
  }

  /** Takes note that a snapshot was left out. */
  boolean skipped(SnapshotSkipped skipped) {
    return isPresentOrAhead(skipped.getAttempt())
        && ledger(skipped.getAttempt()).skipped(skipped.getStep())
        && skipped.getAttempt() == attempt;
  }

  /** Returns whether the run's request is there; all else is of no use to anyone before. */
  boolean isKnown() {
    return request != null;
  }

  /** Returns the run's newest request; only for a known run. */
  RunRequest request() {
    return request;
  }

  /** Returns the attempt that is shown, 0 before the first. */
  long attempt() {
    return attempt;
  }

  /** Returns the checks of the attempt that is shown. */
  CheckLedger checks() {
    CheckLedger ledger = checks.get(attempt);
    return ledger == null ? new CheckLedger() : ledger;
  }

  /** Returns the run as clients see it; only for a known run. */
  Run view() {
    Run.Builder run = Run.newBuilder().setRequest(request).setState(state());
    if (header != null) {
      run.setHeader(header);
    }
    if (progress != null) {
      run.setProgress(progress);
    }
    if (result != null) {
      run.setResult(result);
    }
    if (result != null && result.hasGuarantee()) {
      run.setGuarantee(result.getGuarantee());
    } else if (guarantee != null) {
      run.setGuarantee(guarantee);
    }
    CheckLedger ledger = checks();
    ledger.latest().ifPresent(run::setLatestVerdict);
    ledger.witness().ifPresent(run::setWitnessVerdict);
    SnapshotCounts counts = counts();
    return run.setSnapshots(
            SnapshotAccount.newBuilder()
                .setPublished(counts.getPublished())
                .setDropped(counts.getDropped())
                .setChecked(ledger.checkedSteps())
                .setSkipped(ledger.skippedSteps()))
        .build();
  }

  /** Returns whether a run in this state has ended. */
  static boolean hasEnded(RunState state) {
    return switch (state) {
      case RUN_STATE_FINISHED, RUN_STATE_FAILED, RUN_STATE_CANCELLED -> true;
      case RUN_STATE_UNSPECIFIED, RUN_STATE_PENDING, RUN_STATE_RUNNING, UNRECOGNIZED -> false;
    };
  }

  /**
   * Returns whether nothing more is to come: the run has ended and no snapshot is left to check.
   */
  static boolean isSettled(Run run) {
    SnapshotAccount snapshots = run.getSnapshots();
    // Not equality: a snapshot given up as dropped may have reached the broker after all.
    return hasEnded(run.getState())
        && snapshots.getPublished()
            <= snapshots.getChecked() + snapshots.getSkipped() + snapshots.getDropped();
  }

  private void begin(long newAttempt) {
    attempt = newAttempt;
    header = null;
    progress = null;
    guarantee = null;
    result = null;
    Map<Long, CheckLedger> replaced = checks.headMap(newAttempt);
    replaced.clear();
  }

  private boolean isPresentOrAhead(long other) {
    return Long.compareUnsigned(other, attempt) >= 0;
  }

  private CheckLedger ledger(long ofAttempt) {
    return checks.computeIfAbsent(ofAttempt, unused -> new CheckLedger());
  }

  private RunState state() {
    if (result != null) {
      return result.getState();
    }
    if (attempt != 0) {
      return RunState.RUN_STATE_RUNNING;
    }
    return request.getCancelled() ? RunState.RUN_STATE_CANCELLED : RunState.RUN_STATE_PENDING;
  }

  // The result's numbers are final; progress may have been sent before the last snapshots.
  private SnapshotCounts counts() {
    if (result != null && result.hasSnapshots()) {
      return result.getSnapshots();
    }
    return progress == null ? SnapshotCounts.getDefaultInstance() : progress.getSnapshots();
  }
}

package io.fullrank.checker.judgement;

import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a snapshot judged by all its checks. Each yields exactly one verdict, whatever happens to it
 * or to the others.
 */
public final class SnapshotJudge {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotJudge.class);

  private final Map<String, SnapshotCheck> checks;
  private final VerifiedTrainingData trainingData;
  private final OneAtATime oneAtATime;
  private final String checker;

  /**
   * Creates a judge.
   *
   * @param checker this checker's name, as it stands in verdicts
   */
  public SnapshotJudge(
      List<SnapshotCheck> checks,
      VerifiedTrainingData trainingData,
      OneAtATime oneAtATime,
      String checker) {
    this.checks = new LinkedHashMap<>();
    checks.forEach(check -> this.checks.put(check.name(), check));
    this.trainingData = trainingData;
    this.oneAtATime = oneAtATime;
    this.checker = checker;
  }

  /** Returns one verdict for each check of the snapshot. */
  public List<Verdict> judge(Snapshot snapshot) {
    try (SharedSnapshot shared = SharedSnapshot.of(snapshot, trainingData)) {
      return checks.entrySet().stream()
          .map(check -> judge(check.getKey(), check.getValue(), shared))
          .toList();
    }
  }

  private Verdict judge(String name, SnapshotCheck check, SharedSnapshot snapshot) {
    return oneAtATime.compute(
        () -> {
          try {
            return Verdicts.of(snapshot.message(), checker, name, check.check(snapshot).build());
          } catch (NotCheckableException
              | InsufficientMemoryException
              | NonFiniteEntryException
              | InexactBackendException reason) {
            return Verdicts.undetermined(
                snapshot.message(), checker, name, String.valueOf(reason.getMessage()));
          } catch (Throwable failed) {
            LOG.error("The check {} of {} failed", name, SnapshotId.of(snapshot.message()), failed);
            return Verdicts.undetermined(
                snapshot.message(), checker, name, "the check failed: " + failed);
          }
        });
  }
}

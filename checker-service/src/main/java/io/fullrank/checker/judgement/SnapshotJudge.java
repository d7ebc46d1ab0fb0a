package io.fullrank.checker.judgement;

import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotCheck.Need;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
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

  /** Returns one verdict for each check that the snapshot is due for. */
  public List<Verdict> judge(Snapshot snapshot) {
    try (SharedSnapshot shared = SharedSnapshot.of(snapshot, trainingData)) {
      return ChosenChecks.dueAt(snapshot).stream()
          // What is there by default is there in checkers that have it.
          .filter(due -> due.named() || checks.containsKey(due.check()))
          .map(due -> judge(due.check(), shared))
          .toList();
    }
  }

  private Verdict judge(String name, SharedSnapshot snapshot) {
    SnapshotCheck check = checks.get(name);
    if (check == null) {
      return Verdicts.undetermined(
          snapshot.message(),
          checker,
          name,
          "this checker has no check %s: put its jar into the folder %s"
              .formatted(name, InstalledChecks.FOLDER_KEY));
    }
    return judge(name, check, snapshot);
  }

  private Verdict judge(String name, SnapshotCheck check, SharedSnapshot snapshot) {
    return oneAtATime.compute(
        () -> {
          try {
            requireSomethingToStartFrom(check, snapshot);
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

  private static void requireSomethingToStartFrom(SnapshotCheck check, SharedSnapshot snapshot)
      throws NotCheckableException {
    if (Collections.disjoint(check.needs(), snapshot.carries())) {
      throw new NotCheckableException(
          "the snapshot carries %s, and this check needs %s"
              .formatted(words(snapshot.carries(), " and "), words(check.needs(), " or ")));
    }
  }

  private static String words(Set<Need> needs, String conjunction) {
    return needs.isEmpty()
        ? "nothing"
        : needs.stream()
            .sorted()
            .map(
                need ->
                    switch (need) {
                      case WEIGHTS -> "weights";
                      case FEATURES -> "features";
                      case FACTORS -> "factors of the Jacobian";
                    })
            .collect(Collectors.joining(conjunction));
  }
}

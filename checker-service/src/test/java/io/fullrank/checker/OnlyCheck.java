package io.fullrank.checker;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.judgement.OneAtATime;
import io.fullrank.checker.judgement.SnapshotJudge;
import io.fullrank.checker.judgement.VerifiedTrainingData;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.List;

/**
 * A single check and its judge, as a checker of the name "checker" has it.
 *
 * @param judge of all snapshots
 */
public record OnlyCheck(SnapshotJudge judge) {

  /** Resources of a checker that carries nothing over. */
  public static final CheckResources RESOURCES =
      new CheckResources(new OpenBlas(1), 1, 0, 0.5, true);

  public static OnlyCheck of(SnapshotCheck check, Path dataDirectory) {
    return new OnlyCheck(judge(dataDirectory, check));
  }

  public static SnapshotJudge judge(Path dataDirectory, SnapshotCheck... checks) {
    return new SnapshotJudge(
        List.of(checks), new VerifiedTrainingData(dataDirectory), new OneAtATime(), "checker");
  }

  /** Returns the one verdict. */
  public Verdict check(Snapshot snapshot) {
    List<Verdict> verdicts = judge.judge(snapshot);
    if (verdicts.size() != 1) {
      throw new AssertionError("not one verdict: " + verdicts);
    }
    return verdicts.get(0);
  }
}

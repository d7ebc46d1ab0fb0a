package io.fullrank.checker;

import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.proto.v1.Verdict;
import java.util.Set;
import java.util.function.Function;

/** A check of any name that does what a test says. */
public record ScriptedCheck(
    String name, Set<Need> needs, Function<SnapshotUnderCheck, Verdict.Builder> script)
    implements SnapshotCheck {

  /** A check that can start from anything. */
  public static ScriptedCheck of(
      String name, Function<SnapshotUnderCheck, Verdict.Builder> script) {
    return new ScriptedCheck(name, Set.of(Need.values()), script);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) {
    return script.apply(snapshot);
  }
}

package io.fullrank.checker;

import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;

/** A check that certifies everything, when the test lets it. */
public final class GatedCheck implements SnapshotCheck {

  private final Semaphore permits;
  private final List<SnapshotId> begun = new CopyOnWriteArrayList<>();

  private GatedCheck(int permits) {
    this.permits = new Semaphore(permits);
  }

  public static GatedCheck open() {
    return new GatedCheck(Integer.MAX_VALUE);
  }

  public static GatedCheck closed() {
    return new GatedCheck(0);
  }

  public void allow(int checks) {
    permits.release(checks);
  }

  public List<SnapshotId> begun() {
    return begun;
  }

  @Override
  public String name() {
    return ChosenChecks.EXPRESSIVITY;
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS, Need.FEATURES);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) {
    begun.add(SnapshotId.of(snapshot.message()));
    permits.acquireUninterruptibly();
    return Verdict.newBuilder()
        .setCertificate(Certificate.newBuilder().setOutcome(Outcome.OUTCOME_CERTIFIED));
  }
}

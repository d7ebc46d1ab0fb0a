package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.kernel.KernelCarryOver;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.proto.v1.Snapshot;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The Jacobian of each run that was certified last, kept within a memory budget to certify those of
 * its next snapshots by their distance. When memory runs out, the runs that have not been checked
 * for the longest time give way. Not thread-safe.
 */
final class CertifiedJacobians {

  /** A certificate, and the step of the Jacobian that was certified afresh for it. */
  record Carried(Certificate certificate, long fromStep) {}

  private record Kept(
      long attempt,
      long step,
      SnapshotJacobian jacobian,
      double sigmaMin,
      KernelCarryOver carryOver) {}

  private final double memoryBytes;
  private final double leastFraction;
  private final int threads;
  private final Map<String, Kept> byRun = new LinkedHashMap<>(16, 0.75f, true);
  private double bytes;

  /**
   * Creates an empty memory.
   *
   * @param memoryBytes native memory at most
   * @param leastFraction how much of a kept bound has to be left for it to be used
   * @param threads the largest number of threads to use
   */
  CertifiedJacobians(double memoryBytes, double leastFraction, int threads) {
    this.memoryBytes = memoryBytes;
    this.leastFraction = leastFraction;
    this.threads = threads;
  }

  /** Returns the native memory that is taken. */
  double bytes() {
    return bytes;
  }

  /**
   * Certifies a Jacobian by its distance to the one kept of the same run, attempt and layers.
   *
   * @return empty if there is none, or it is so far away that less than the set fraction of its
   *     bound would be left
   */
  Optional<Carried> carryOver(Snapshot snapshot, SnapshotJacobian jacobian) {
    Kept kept = byRun.get(snapshot.getHeader().getRun());
    if (kept == null
        || kept.attempt != snapshot.getHeader().getAttempt()
        || !kept.jacobian.layers().equals(jacobian.layers())) {
      return Optional.empty();
    }
    return kept.carryOver
        .certify(jacobian.jacobian(), leastFraction * kept.sigmaMin, threads)
        .map(certificate -> new Carried(certificate, kept.step));
  }

  /**
   * Keeps a Jacobian instead of an older one of the run, if there is a bound to carry over.
   *
   * @return whether it is kept; then it must not be closed
   */
  boolean keep(Snapshot snapshot, SnapshotJacobian jacobian, Certificate certificate) {
    Optional<KernelCarryOver> carryOver = KernelCarryOver.from(jacobian.jacobian(), certificate);
    if (carryOver.isEmpty() || jacobian.bytes() > memoryBytes) {
      return false;
    }
    String run = snapshot.getHeader().getRun();
    drop(byRun.remove(run));
    byRun.put(
        run,
        new Kept(
            snapshot.getHeader().getAttempt(),
            snapshot.getStep(),
            jacobian,
            certificate.sigmaMinLowerBound().getAsDouble(),
            carryOver.get()));
    bytes += jacobian.bytes();
    Iterator<Kept> leastRecent = byRun.values().iterator();
    while (bytes > memoryBytes) {
      Kept given = leastRecent.next();
      leastRecent.remove();
      drop(given);
    }
    return true;
  }

  private void drop(Kept kept) {
    if (kept != null) {
      bytes -= kept.jacobian.bytes();
      kept.jacobian.close();
    }
  }
}

package io.fullrank.checker.check;

import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.proto.v1.Snapshot;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The features of each run that were certified last. They are kept within a memory budget, to
 * certify the features of its next snapshots by their distance. When memory runs out, the runs that
 * have not been checked for the longest time give way. Not thread-safe.
 */
public final class CertifiedFeatures {

  private static final Logger LOG = LoggerFactory.getLogger(CertifiedFeatures.class);

  /** What to keep, and until when to use it. */
  public record Settings(long memoryBytes, double leastFraction, int threads) {}

  /** A certificate, and the step of the features that were certified afresh for it. */
  record Carried(Certificate certificate, long fromStep) {}

  private record Kept(long attempt, long step, double sigmaMinLowerBound, CarryOver carryOver) {}

  private final Settings settings;
  private final Map<String, Kept> byRun = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;

  public CertifiedFeatures(Settings settings) {
    this.settings = settings;
  }

  /**
   * Certifies features by their distance to those kept of the same run and attempt.
   *
   * @param features (input) of the snapshot
   * @return empty if there are none, or they are so far away that less than the set fraction of
   *     their bound on σ_n would be left
   */
  Optional<Carried> carryOver(Snapshot snapshot, Matrix features) {
    Kept kept = byRun.get(snapshot.getHeader().getRun());
    if (kept == null || kept.attempt != snapshot.getHeader().getAttempt()) {
      return Optional.empty();
    }
    return kept.carryOver
        .certify(features, settings.leastFraction * kept.sigmaMinLowerBound, settings.threads)
        .map(certificate -> new Carried(certificate, kept.step));
  }

  /** Keeps features instead of older ones of the run, if they are certified with a bound on σ_n. */
  void keep(Snapshot snapshot, Matrix features, Certificate certificate) {
    if (CarryOver.leastBytes(features) > settings.memoryBytes) {
      return;
    }
    String run = snapshot.getHeader().getRun();
    try {
      CarryOver.from(features, certificate, settings.threads)
          .ifPresent(
              carryOver -> {
                drop(byRun.remove(run));
                byRun.put(
                    run,
                    new Kept(
                        snapshot.getHeader().getAttempt(),
                        snapshot.getStep(),
                        certificate.sigmaMinLowerBound().getAsDouble(),
                        carryOver));
                bytes += carryOver.bytes();
              });
    } catch (InsufficientMemoryException full) {
      LOG.warn("Certificates of run {} will not be carried over: {}", run, full.getMessage());
    }
    Iterator<Kept> leastRecent = byRun.values().iterator();
    while (bytes > settings.memoryBytes) {
      Kept kept = leastRecent.next();
      leastRecent.remove();
      drop(kept);
    }
  }

  private void drop(Kept kept) {
    if (kept != null) {
      bytes -= kept.carryOver.bytes();
      kept.carryOver.close();
    }
  }
}

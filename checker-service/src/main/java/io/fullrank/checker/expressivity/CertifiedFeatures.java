package io.fullrank.checker.expressivity;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.proto.v1.DataType;
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
final class CertifiedFeatures {

  private static final Logger LOG = LoggerFactory.getLogger(CertifiedFeatures.class);

  /** What to keep, and until when to use it. */
  record Settings(long memoryBytes, double leastFraction, int threads) {}

  /** A certificate, and the step of the features that were certified afresh for it. */
  record Carried(Certificate certificate, long fromStep) {}

  /**
   * What is kept of a run.
   *
   * @param type of the entries that the SHA-256 is about, where a client sent them
   * @param carryOver absent where no bound on σ_n was proven: then only the same features can be
   *     certified by it
   */
  private record Kept(
      long attempt,
      long step,
      DataType type,
      ByteString sha256,
      Certificate certificate,
      Optional<CarryOver> carryOver) {

    boolean isOf(Snapshot snapshot, Matrix features, ByteString digest) {
      return type == snapshot.getFeatures().getType()
          && certificate.rows() == features.rows()
          && certificate.columns() == features.columns()
          && sha256.equals(digest);
    }

    long bytes() {
      return carryOver.map(CarryOver::bytes).orElse(0L);
    }
  }

  private static final int MOST_RUNS = 1000;

  private final Settings settings;
  private final Map<String, Kept> byRun = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;

  CertifiedFeatures(Settings settings) {
    this.settings = settings;
  }

  /**
   * Certifies features by their distance to those kept of the same run and attempt, or because they
   * are the same.
   *
   * @param features (input) of the snapshot
   * @param sha256 of the features
   * @return empty if there are none, or they are so far away that less than the set fraction of
   *     their bound on σ_n would be left
   */
  Optional<Carried> carryOver(Snapshot snapshot, Matrix features, ByteString sha256) {
    Kept kept = byRun.get(snapshot.getHeader().getRun());
    if (kept == null || kept.attempt != snapshot.getHeader().getAttempt()) {
      return Optional.empty();
    }
    if (kept.isOf(snapshot, features, sha256)) {
      return Optional.of(new Carried(kept.certificate.carriedOver(), kept.step));
    }
    return kept.carryOver
        .flatMap(
            carryOver ->
                carryOver.certify(
                    features,
                    settings.leastFraction * kept.certificate.sigmaMinLowerBound().getAsDouble(),
                    settings.threads))
        .map(certificate -> new Carried(certificate, kept.step));
  }

  /** Keeps features instead of older ones of the run, if they are certified. */
  void keep(Snapshot snapshot, Matrix features, ByteString sha256, Certificate certificate) {
    if (certificate.outcome() != Outcome.CERTIFIED
        || CarryOver.leastBytes(features) > settings.memoryBytes) {
      return;
    }
    String run = snapshot.getHeader().getRun();
    drop(byRun.remove(run));
    Kept kept =
        new Kept(
            snapshot.getHeader().getAttempt(),
            snapshot.getStep(),
            snapshot.getFeatures().getType(),
            sha256,
            certificate,
            copy(run, features, certificate));
    byRun.put(run, kept);
    bytes += kept.bytes();
    Iterator<Kept> leastRecent = byRun.values().iterator();
    while (bytes > settings.memoryBytes || byRun.size() > MOST_RUNS) {
      Kept given = leastRecent.next();
      leastRecent.remove();
      drop(given);
    }
  }

  private Optional<CarryOver> copy(String run, Matrix features, Certificate certificate) {
    try {
      return CarryOver.from(features, certificate, settings.threads);
    } catch (InsufficientMemoryException full) {
      LOG.warn("Certificates of run {} will not be carried over: {}", run, full.getMessage());
      return Optional.empty();
    }
  }

  private void drop(Kept kept) {
    if (kept != null) {
      bytes -= kept.bytes();
      kept.carryOver.ifPresent(CarryOver::close);
    }
  }
}

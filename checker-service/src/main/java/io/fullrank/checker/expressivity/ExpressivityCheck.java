package io.fullrank.checker.expressivity;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.StreamedCertification;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Progress;
import io.fullrank.checker.check.Certificates;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The expressivity condition rank Φ(θ) = n (KS21, section 3) at a snapshot's parameters: takes Φ =
 * [h_X(θ), 1] as a program outside Fullrank sent it, or as it follows from the weights and the
 * run's training data, and certifies that matrix, or says why there is none.
 */
public final class ExpressivityCheck implements SnapshotCheck {

  private final RankCertification certification;
  private final StreamedCertification streamedCertification;
  private final Predicate<Rows> tooLarge;
  private final int threads;
  private final CertifiedFeatures certified;
  private final ExactArithmetic exactArithmetic;
  private final WitnessSpectrum spectrum;

  public ExpressivityCheck(CheckResources resources) {
    this(
        resources,
        new RankCertification(resources.algebra()),
        new StreamedCertification(resources.algebra())::isNeededFor);
  }

  /**
   * Certifies with the methods of the caller's choice.
   *
   * @param tooLarge whether features are streamed, because they do not fit into memory
   */
  ExpressivityCheck(
      CheckResources resources, RankCertification certification, Predicate<Rows> tooLarge) {
    this.certification = certification;
    this.streamedCertification = new StreamedCertification(resources.algebra());
    this.tooLarge = tooLarge;
    this.threads = resources.threads();
    this.certified =
        new CertifiedFeatures(
            new CertifiedFeatures.Settings(
                resources.keptBytes(), resources.leastFraction(), resources.threads()));
    this.exactArithmetic = new ExactArithmetic(resources.algebra(), resources.threads());
    this.spectrum = new WitnessSpectrum(resources.witnessSpectra(), resources.algebra());
  }

  /** How checkers find it. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new ExpressivityCheck(resources);
    }
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
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    SnapshotFeatures origin =
        snapshot.isExternal()
            ? new ClientFeatures(
                snapshot.message().getHeader().getSpec().getNetwork().getExternal())
            : new RecomputedFeatures(snapshot.data(), snapshot.network(), snapshot.parameters());
    try {
      Rows rows = snapshot.featureRows(threads);
      return tooLarge.test(rows) ? judgeStreamed(snapshot, origin, rows) : judge(snapshot, origin);
    } catch (NonFiniteEntryException
        | InsufficientMemoryException
        | InexactBackendException noCertificate) {
      throw new NotCheckableException(
          "no certificate of %s: %s".formatted(origin.name(), noCertificate.getMessage()),
          noCertificate);
    }
  }

  private Verdict.Builder judge(SnapshotUnderCheck snapshot, SnapshotFeatures origin)
      throws NotCheckableException {
    Snapshot message = snapshot.message();
    Matrix features = snapshot.features();
    // Phase 2 moves as far from a witness as its bound allows: it gets the best one.
    Optional<CertifiedFeatures.Carried> carried =
        message.getWitness()
            ? Optional.empty()
            : certified.carryOver(message, features, snapshot.featuresSha256());
    Certificate certificate =
        carried.isPresent()
            ? carried.get().certificate()
            : certifyAfresh(message, features, snapshot.featuresSha256());
    ExactArithmetic.Reach reach = exactArithmetic.reach(message, origin, features, certificate);
    Verdict.Builder verdict =
        Verdict.newBuilder()
            .setCertificate(
                Certificates.toProto(certificate).toBuilder()
                    .setReason(origin.reason(certificate, features) + reach.words()))
            .setFeaturesSha256(snapshot.featuresSha256())
            .setStatement(reach.statement());
    carried.ifPresent(from -> verdict.setCarriedFromStep(from.fromStep()));
    spectrum
        .of(message, features, certificate)
        .ifPresent(found -> verdict.setSpectrum(Certificates.toProto(found)));
    return verdict;
  }

  /**
   * Judges features that do not fit into memory: modulo small primes, so without a bound, and
   * without what follows from one.
   */
  private Verdict.Builder judgeStreamed(
      SnapshotUnderCheck snapshot, SnapshotFeatures origin, Rows features)
      throws NotCheckableException {
    ByteString sha256 = snapshot.featuresSha256();
    Certificate certificate =
        streamedCertification.certify(features, Progress.NONE, Cancellation.NEVER);
    ExactArithmetic.Reach reach = exactArithmetic.withoutFeatures(snapshot.message(), certificate);
    return Verdict.newBuilder()
        .setCertificate(
            Certificates.toProto(certificate).toBuilder()
                .setReason(origin.reason(certificate, features) + reach.words()))
        .setFeaturesSha256(sha256)
        .setStatement(reach.statement());
  }

  private Certificate certifyAfresh(Snapshot message, Matrix features, ByteString sha256) {
    Certificate fresh = certification.certify(features);
    certified.keep(message, features, sha256, fresh);
    return fresh;
  }
}

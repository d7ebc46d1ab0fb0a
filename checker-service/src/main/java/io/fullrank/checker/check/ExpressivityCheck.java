package io.fullrank.checker.check;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.checker.verdict.Certificates;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.Optional;

/**
 * The expressivity condition rank Φ(θ) = n (KS21, section 3) at a snapshot's parameters: takes Φ =
 * [h_X(θ), 1] as a program outside Fullrank sent it, or recomputes it on the run's training data,
 * and certifies that matrix, or says why there is none.
 */
public final class ExpressivityCheck implements SnapshotCheck {

  private final VerifiedTrainingData trainingData;
  private final RankCertification certification;
  private final CertifiedFeatures certified;
  private final ExactArithmetic exactArithmetic;
  private final WitnessSpectrum spectrum;
  private final OneAtATime oneAtATime;
  private final String checker;

  /**
   * Creates the check.
   *
   * @param checker this checker's name, as it stands in verdicts
   */
  public ExpressivityCheck(
      VerifiedTrainingData trainingData,
      RankCertification certification,
      CertifiedFeatures certified,
      ExactArithmetic exactArithmetic,
      WitnessSpectrum spectrum,
      OneAtATime oneAtATime,
      String checker) {
    this.trainingData = trainingData;
    this.certification = certification;
    this.certified = certified;
    this.exactArithmetic = exactArithmetic;
    this.spectrum = spectrum;
    this.oneAtATime = oneAtATime;
    this.checker = checker;
  }

  @Override
  public Verdict check(Snapshot snapshot) {
    try {
      SnapshotFeatures features =
          Verdicts.isExternal(snapshot)
              ? ClientFeatures.of(snapshot)
              : RecomputedFeatures.of(snapshot, trainingData);
      return oneAtATime.compute(() -> judge(snapshot, features));
    } catch (NotCheckableException reason) {
      return Verdicts.undetermined(snapshot, checker, reason.getMessage());
    }
  }

  private Verdict judge(Snapshot snapshot, SnapshotFeatures origin) {
    try (Matrix features = origin.matrix()) {
      byte[] sha256 = origin.sha256(features);
      // Phase 2 moves as far from a witness as its bound allows: it gets the best one.
      Optional<CertifiedFeatures.Carried> carried =
          snapshot.getWitness()
              ? Optional.empty()
              : certified.carryOver(snapshot, features, sha256);
      Certificate certificate =
          carried
              .map(CertifiedFeatures.Carried::certificate)
              .orElseGet(
                  () -> {
                    Certificate fresh = certification.certify(features);
                    certified.keep(snapshot, features, sha256, fresh);
                    return fresh;
                  });
      ExactArithmetic.Reach reach = exactArithmetic.reach(snapshot, origin, features, certificate);
      Verdict.Builder verdict =
          Verdicts.of(
                  snapshot,
                  checker,
                  Certificates.toProto(certificate).toBuilder()
                      .setReason(origin.reason(certificate, features) + reach.words())
                      .build(),
                  sha256)
              .toBuilder()
              .setStatement(reach.statement());
      carried.ifPresent(from -> verdict.setCarriedFromStep(from.fromStep()));
      spectrum
          .of(snapshot, features, certificate)
          .ifPresent(found -> verdict.setSpectrum(Certificates.toProto(found)));
      return verdict.build();
    } catch (NotCheckableException reason) {
      return Verdicts.undetermined(snapshot, checker, reason.getMessage());
    } catch (NonFiniteEntryException
        | InsufficientMemoryException
        | InexactBackendException noCertificate) {
      return Verdicts.undetermined(
          snapshot,
          checker,
          "no certificate of %s: %s".formatted(origin.name(), noCertificate.getMessage()));
    }
  }
}

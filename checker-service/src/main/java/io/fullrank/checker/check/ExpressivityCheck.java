package io.fullrank.checker.check;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.checker.verdict.Certificates;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The expressivity condition rank Φ(θ) = n (KS21, section 3) at a snapshot's parameters: recomputes
 * Φ = [h_X(θ), 1] on the run's training data and certifies that matrix, or says why there is none.
 */
public final class ExpressivityCheck implements SnapshotCheck {

  private static final String NOT_ANALYTIC =
      "; the activation is not analytic, so this says something about these parameters alone";

  private final VerifiedTrainingData trainingData;
  private final RankCertification certification;
  private final CertifiedFeatures certified;
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
      WitnessSpectrum spectrum,
      OneAtATime oneAtATime,
      String checker) {
    this.trainingData = trainingData;
    this.certification = certification;
    this.certified = certified;
    this.spectrum = spectrum;
    this.oneAtATime = oneAtATime;
    this.checker = checker;
  }

  @Override
  public Verdict check(Snapshot snapshot) {
    try {
      RunHeader header = snapshot.getHeader();
      DataSet data = trainingData.of(header.getSpec().getDataSet(), header.getDataSet());
      Network network = network(header, data);
      Parameters parameters = parameters(network, snapshot);
      return oneAtATime.compute(() -> judge(snapshot, network, parameters, data));
    } catch (NotCheckableException reason) {
      return Verdicts.undetermined(snapshot, checker, reason.getMessage());
    }
  }

  private Verdict judge(Snapshot snapshot, Network network, Parameters parameters, DataSet data) {
    try (Matrix features = Features.compute(network, parameters, data.train())) {
      byte[] sha256 = features.sha256();
      ByteString expected = snapshot.getFeaturesSha256();
      if (!expected.isEmpty() && !expected.equals(ByteString.copyFrom(sha256))) {
        return Verdicts.undetermined(
            snapshot,
            checker,
            "this checker computes other features than the trainer (SHA-256 %s instead of %s):"
                    .formatted(
                        HexFormat.of().formatHex(sha256),
                        HexFormat.of().formatHex(expected.toByteArray()))
                + " run both on the same kind of processor with the same native libraries");
      }
      // Phase 2 moves as far from a witness as its bound allows: it gets the best one.
      Optional<CertifiedFeatures.Carried> carried =
          snapshot.getWitness() ? Optional.empty() : certified.carryOver(snapshot, features);
      Certificate certificate =
          carried
              .map(CertifiedFeatures.Carried::certificate)
              .orElseGet(
                  () -> {
                    Certificate fresh = certification.certify(features);
                    certified.keep(snapshot, features, fresh);
                    return fresh;
                  });
      Verdict.Builder verdict =
          Verdicts.of(snapshot, checker, Certificates.toProto(certificate), sha256).toBuilder();
      carried.ifPresent(from -> verdict.setCarriedFromStep(from.fromStep()));
      spectrum
          .of(snapshot, features, certificate)
          .ifPresent(found -> verdict.setSpectrum(Certificates.toProto(found)));
      if (!network.analytic()) {
        verdict.getCertificateBuilder().setReason(certificate.reason() + NOT_ANALYTIC);
      }
      return verdict.build();
    } catch (NonFiniteEntryException
        | InsufficientMemoryException
        | InexactBackendException noCertificate) {
      return Verdicts.undetermined(
          snapshot, checker, "no certificate of the features: " + noCertificate.getMessage());
    }
  }

  private static Network network(RunHeader header, DataSet data) throws NotCheckableException {
    try {
      return Network.of(
          header.getSpec().getNetwork(), data.train().shape(), data.identity().getClasses());
    } catch (IllegalArgumentException | ArithmeticException invalid) {
      throw new NotCheckableException(
          "this checker cannot build the network: " + invalid.getMessage(), invalid);
    }
  }

  private static Parameters parameters(Network network, Snapshot snapshot)
      throws NotCheckableException {
    try {
      return Parameters.of(network.layout(), snapshot.getWeightsList());
    } catch (IllegalArgumentException mismatch) {
      throw new NotCheckableException(
          "the weights do not fit the network: " + mismatch.getMessage(), mismatch);
    }
  }
}

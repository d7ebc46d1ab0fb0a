package io.fullrank.checker;

import io.fullrank.certificate.Certificate;
import io.fullrank.certificate.CertificateMethod;
import io.fullrank.certificate.Outcome;

/** Maps certificates to their message. */
final class Certificates {

  private Certificates() {}

  static io.fullrank.proto.v1.Certificate toProto(Certificate certificate) {
    io.fullrank.proto.v1.Certificate.Builder proto =
        io.fullrank.proto.v1.Certificate.newBuilder()
            .setOutcome(toProto(certificate.outcome()))
            .setMethod(toProto(certificate.method()))
            .setRows(certificate.rows())
            .setColumns(certificate.columns())
            .setRankLowerBound(certificate.rankLowerBound())
            .setReason(certificate.reason())
            .setSeconds(certificate.elapsed().toNanos() * 1e-9);
    certificate.sigmaMinLowerBound().ifPresent(proto::setSigmaMinLowerBound);
    certificate.sigmaMaxUpperBound().ifPresent(proto::setSigmaMaxUpperBound);
    certificate.falseRefutationProbability().ifPresent(proto::setFalseRefutationProbability);
    certificate
        .primes()
        .ifPresent(drawn -> proto.addAllPrimes(drawn.primes()).setPrimeSeed(drawn.seed()));
    return proto.build();
  }

  private static io.fullrank.proto.v1.Outcome toProto(Outcome outcome) {
    return switch (outcome) {
      case CERTIFIED -> io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
      case REFUTED -> io.fullrank.proto.v1.Outcome.OUTCOME_REFUTED;
      case UNDETERMINED -> io.fullrank.proto.v1.Outcome.OUTCOME_UNDETERMINED;
    };
  }

  private static io.fullrank.proto.v1.CertificateMethod toProto(CertificateMethod method) {
    return switch (method) {
      case STRUCTURE -> io.fullrank.proto.v1.CertificateMethod.CERTIFICATE_METHOD_STRUCTURE;
      case CHOLESKY -> io.fullrank.proto.v1.CertificateMethod.CERTIFICATE_METHOD_CHOLESKY;
      case MODULAR -> io.fullrank.proto.v1.CertificateMethod.CERTIFICATE_METHOD_MODULAR;
      case CARRY_OVER -> io.fullrank.proto.v1.CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER;
    };
  }
}

package io.fullrank.checker.check;

import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Outcome;
import java.time.Duration;
import java.util.Arrays;

/** Maps certificates and spectra to their messages. */
public final class Certificates {

  private Certificates() {}

  public static io.fullrank.proto.v1.Certificate toProto(Certificate certificate) {
    io.fullrank.proto.v1.Certificate.Builder proto =
        io.fullrank.proto.v1.Certificate.newBuilder()
            .setOutcome(toProto(certificate.outcome()))
            .setMethod(toProto(certificate.method()))
            .setRows(certificate.rows())
            .setColumns(certificate.columns())
            .setRankLowerBound(certificate.rankLowerBound())
            .setReason(certificate.reason())
            .setBackend(certificate.backend())
            .setSeconds(seconds(certificate.elapsed()));
    certificate
        .stages()
        .forEach((name, time) -> proto.addStagesBuilder().setName(name).setSeconds(seconds(time)));
    certificate.sigmaMinEstimate().ifPresent(proto::setSigmaMinEstimate);
    certificate.sigmaMinLowerBound().ifPresent(proto::setSigmaMinLowerBound);
    certificate.sigmaMaxUpperBound().ifPresent(proto::setSigmaMaxUpperBound);
    certificate.falseRefutationProbability().ifPresent(proto::setFalseRefutationProbability);
    certificate
        .primes()
        .ifPresent(drawn -> proto.addAllPrimes(drawn.primes()).setPrimeSeed(drawn.seed()));
    return proto.build();
  }

  public static io.fullrank.proto.v1.Spectrum toProto(Spectrum spectrum) {
    Spectrum.Histogram histogram = spectrum.histogram();
    return io.fullrank.proto.v1.Spectrum.newBuilder()
        .setSigmaMin(toProto(spectrum.sigmaMin()))
        .setSigmaMax(toProto(spectrum.sigmaMax()))
        .setConditionNumber(toProto(spectrum.conditionNumber()))
        .setEffectiveRank(toProto(spectrum.effectiveRank()))
        .setStableRank(toProto(spectrum.stableRank()))
        .addAllEdges(Arrays.stream(histogram.edges()).boxed().toList())
        .addAllCounts(Arrays.stream(histogram.counts()).boxed().toList())
        .setBelowResolution(histogram.belowResolution())
        .build();
  }

  private static io.fullrank.proto.v1.Figure toProto(Spectrum.Figure figure) {
    io.fullrank.proto.v1.Figure.Builder proto = io.fullrank.proto.v1.Figure.newBuilder();
    figure.estimate().ifPresent(proto::setEstimate);
    figure.lowerBound().ifPresent(proto::setLowerBound);
    figure.upperBound().ifPresent(proto::setUpperBound);
    return proto.build();
  }

  private static double seconds(Duration time) {
    return time.toNanos() * 1e-9;
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

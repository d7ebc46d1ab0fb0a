package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.kernel.GradientBounds;
import io.fullrank.certificate.kernel.KernelCertification;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import io.fullrank.checker.check.Certificates;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.Optional;
import java.util.Set;

/**
 * Full row rank of the Jacobian J of the outputs in the parameters of some layers (theory §9). With
 * σ_min(J) ≥ s &gt; 0 the gradient of the mean loss over n examples in these parameters, (1/n)·Jᵀg,
 * has at least the norm (s/n)·‖g‖: these weights are no stationary point, unless every example has
 * its least loss. The loss is that of the network as it is evaluated, without weight decay.
 */
public final class TangentKernelCheck implements SnapshotCheck {

  private final KernelCertification certification;
  private final CertifiedJacobians certified;
  private final int threads;

  /** Creates the check with a checker's resources. */
  public TangentKernelCheck(CheckResources resources) {
    this.certification = new KernelCertification(resources.algebra());
    this.certified =
        new CertifiedJacobians(
            resources.keptBytes(), resources.leastFraction(), resources.threads());
    this.threads = resources.threads();
  }

  /** How checkers find it. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new TangentKernelCheck(resources);
    }
  }

  @Override
  public String name() {
    return ChosenChecks.TANGENT_KERNEL;
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS, Need.FACTORS);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    try {
      return judge(snapshot);
    } catch (NonFiniteEntryException
        | InsufficientMemoryException
        | InexactBackendException noCertificate) {
      throw new NotCheckableException(
          "no certificate of the Jacobian: " + noCertificate.getMessage(), noCertificate);
    }
  }

  private Verdict.Builder judge(SnapshotUnderCheck snapshot) throws NotCheckableException {
    Snapshot message = snapshot.message();
    SnapshotJacobian jacobian =
        snapshot.isExternal()
            ? ClientJacobian.of(
                message.getFactors(), message.getHeader(), threads, certified.bytes())
            : RecomputedJacobian.of(snapshot, certified.bytes());
    boolean kept = false;
    try {
      Optional<CertifiedJacobians.Carried> carried = certified.carryOver(message, jacobian);
      Certificate certificate =
          carried.isPresent()
              ? carried.get().certificate()
              : certification.certify(jacobian.jacobian(), Progress.NONE, Cancellation.NEVER);
      Verdict.Builder verdict = verdict(jacobian, certificate);
      carried.ifPresent(from -> verdict.setCarriedFromStep(from.fromStep()));
      kept = carried.isEmpty() && certified.keep(message, jacobian, certificate);
      return verdict;
    } finally {
      if (!kept) {
        jacobian.close();
      }
    }
  }

  private static Verdict.Builder verdict(SnapshotJacobian jacobian, Certificate certificate) {
    Verdict.Builder verdict =
        Verdict.newBuilder()
            .setCertificate(
                Certificates.toProto(certificate).toBuilder()
                    .setReason(Wording.reason(jacobian, certificate)))
            .addAllLayers(jacobian.layers());
    if (!jacobian.isComplete()) {
      verdict.setExamples(jacobian.examples());
    }
    jacobian
        .loss()
        .ifPresent(loss -> add(verdict, "loss", loss, MeasureKind.MEASURE_KIND_MEASURED));
    jacobian
        .gradientNorm()
        .ifPresent(norm -> add(verdict, "gradient-norm", norm, MeasureKind.MEASURE_KIND_MEASURED));
    if (certificate.outcome() == Outcome.CERTIFIED
        && certificate.sigmaMinLowerBound().isPresent()) {
      addBounds(
          verdict,
          jacobian,
          new GradientBounds(certificate.sigmaMinLowerBound().getAsDouble(), jacobian.examples()));
    }
    return verdict;
  }

  private static void addBounds(
      Verdict.Builder verdict, SnapshotJacobian jacobian, GradientBounds bounds) {
    MeasureKind kind = MeasureKind.MEASURE_KIND_LOWER_BOUND;
    if (jacobian.halfSquaredLoss()) {
      add(verdict, "polyak-lojasiewicz-constant", bounds.polyakLojasiewicz(), kind);
    }
    jacobian
        .lossGradientNorm()
        .ifPresent(
            norm -> add(verdict, "gradient-norm-lower-bound", bounds.gradientNorm(norm), kind));
    add(verdict, "radius", bounds.radius(), kind);
  }

  private static void add(Verdict.Builder verdict, String name, double value, MeasureKind kind) {
    verdict.addMeasures(
        Measure.newBuilder().setName(name).setValue(value).setUnit("1").setKind(kind));
  }
}

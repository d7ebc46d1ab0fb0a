package io.fullrank.checker;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.checker.check.Certificates;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.checker.loop.CheckLoop;
import io.fullrank.checker.prometheus.CheckerMetrics;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.v1.Verdict;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;

/** A checker in a process of its own, to be stopped or killed. */
final class CheckerProcess {

  /** What a check that hangs writes first. */
  static final String HANGS = "a check hangs";

  private CheckerProcess() {}

  /**
   * Runs until it is killed.
   *
   * @param arguments bootstrap servers, group, policy, name, and whether a check ever ends: {@code
   *     ends}, or {@code hangs}
   */
  public static void main(String[] arguments) {
    RankCertification certification =
        new RankCertification(new OpenBlas(1), new VerifiedCholesky());
    CheckLoopSettings settings =
        new CheckLoopSettings(
            arguments[3], arguments[1], CheckPolicy.valueOf(arguments[2]), 64 << 20, 16 << 20);
    Function<SnapshotUnderCheck, Verdict.Builder> script =
        switch (arguments[4]) {
          case "ends" -> snapshot -> verdict(snapshot, certification);
          case "hangs" -> CheckerProcess::hang;
          default -> throw new IllegalArgumentException(arguments[4]);
        };
    CheckLoop loop =
        new CheckLoop(
            settings,
            KafkaConnection.to(arguments[0]),
            OnlyCheck.judge(Path.of("none"), ScriptedCheck.of(ChosenChecks.EXPRESSIVITY, script)),
            new CheckerMetrics(new SimpleMeterRegistry(), "test"));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(loop)));
    loop.start();
  }

  private static Verdict.Builder verdict(
      SnapshotUnderCheck snapshot, RankCertification certification) {
    Random random = new Random(snapshot.message().getStep());
    try (Matrix matrix = Matrix.allocate(200, 220)) {
      for (int row = 0; row < 200; row++) {
        for (int column = 0; column < 220; column++) {
          matrix.set(row, column, random.nextGaussian());
        }
      }
      return Verdict.newBuilder()
          .setCertificate(Certificates.toProto(certification.certify(matrix)))
          .setFeaturesSha256(ByteString.copyFrom(matrix.sha256()));
    }
  }

  private static Verdict.Builder hang(SnapshotUnderCheck snapshot) {
    System.out.println(HANGS);
    try {
      new CountDownLatch(1).await();
      throw new AssertionError("nobody counts down");
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private static void stop(CheckLoop loop) {
    try {
      loop.stop();
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }
}

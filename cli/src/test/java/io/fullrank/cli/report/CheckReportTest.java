package io.fullrank.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.StreamedCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Progress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CheckReportTest {

  @Test
  void aMatrixThatIsNeverLoadedHasNoTimeToLoad() throws Exception {
    try (Matrix matrix = Matrix.of(new double[][] {{3, 0, 1}, {0, 4, 1}})) {
      Certificate certificate =
          new StreamedCertification(new OpenBlas(1))
              .certify(matrix, Progress.NONE, Cancellation.NEVER);
      Map<String, Duration> seconds = new LinkedHashMap<>(certificate.stages());
      seconds.put("total", Duration.ofSeconds(600));

      CheckReport report =
          new CheckReport(
              "features.npy", Optional.empty(), "00", true, certificate, Optional.empty(), seconds);

      assertThat(report.lines()).anyMatch(line -> line.contains("CERTIFIED"));
      assertThat(report.lines()).anyMatch(line -> line.strip().matches("time +600(\\.0*)? s"));
      assertThat(report.toJson()).doesNotContain("\"load\"").contains("\"small-primes\"");
    }
  }
}

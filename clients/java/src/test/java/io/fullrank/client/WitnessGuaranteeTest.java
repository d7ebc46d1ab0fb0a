package io.fullrank.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** There is a guarantee only if the verdict certifies the very features that phase 2 trains on. */
class WitnessGuaranteeTest {

  private static final Features WITNESS = Features.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
  private static final Verdict CERTIFIED =
      Verdict.newBuilder()
          .setFeaturesSha256(WITNESS.sha256())
          .setCertificate(
              Certificate.newBuilder()
                  .setOutcome(Outcome.OUTCOME_CERTIFIED)
                  .setRows(2)
                  .setColumns(4))
          .build();

  @Test
  void isALimitWithAGapAtTheEnd() {
    Guarantee stated = stated(Optional.of(CERTIFIED), Loss.LOSS_CROSS_ENTROPY);

    assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(stated.getSolver()).isEqualTo("base");
    assertThat(WitnessGuarantee.concluded(stated, 9, 0.25).getOptimalityGap())
        .isEqualTo(Math.nextUp(0.25));
  }

  @Test
  void isNoneWithoutAVerdict() {
    Guarantee stated = stated(Optional.empty(), Loss.LOSS_SQUARED);

    assertThatThereIsNone(stated, "no verdict on the witness came within 1.5 s");
    assertThat(WitnessGuarantee.concluded(stated, 9, 0.25)).isEqualTo(stated);
  }

  @Test
  void isNoneForARefutedWitness() {
    Verdict.Builder refuted = CERTIFIED.toBuilder();
    refuted
        .getCertificateBuilder()
        .setOutcome(Outcome.OUTCOME_REFUTED)
        .setReason("rows 0 and 1 are identical");

    assertThatThereIsNone(
        stated(Optional.of(refuted.build()), Loss.LOSS_SQUARED),
        "the witness is not certified but REFUTED: rows 0 and 1 are identical");
  }

  @Test
  void isNoneForOtherFeatures() {
    Verdict other =
        CERTIFIED.toBuilder().setFeaturesSha256(ByteString.copyFrom(new byte[32])).build();
    Verdict.Builder narrower = CERTIFIED.toBuilder();
    narrower.getCertificateBuilder().setColumns(3);

    assertThat(stated(Optional.of(other), Loss.LOSS_SQUARED).getReason())
        .startsWith(
            "the verdict is about other features: SHA-256 000000000000…, phase 2 trains on");
    assertThatThereIsNone(
        stated(Optional.of(narrower.build()), Loss.LOSS_SQUARED),
        "the verdict is about a 2×3 matrix, phase 2 trains on 2×4");
  }

  @Test
  void isNoneForAnUnknownLoss() {
    assertThatThereIsNone(
        stated(Optional.of(CERTIFIED), Loss.LOSS_EXTERNAL),
        "no guarantee of phase 2 is known for this loss");
  }

  private static Guarantee stated(Optional<Verdict> verdict, Loss loss) {
    return WitnessGuarantee.stated(verdict, Duration.ofMillis(1500), WITNESS, loss);
  }

  private static void assertThatThereIsNone(Guarantee stated, String reason) {
    assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
    assertThat(stated.getReason()).isEqualTo(reason);
    assertThat(stated.getText()).isEmpty();
  }
}

package io.fullrank.client;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The guarantee that follows from the verdict on a witness where phase 2 trains the output layer
 * alone, by any optimiser, on exactly the witness's features. In the words of the trainer.
 */
public final class WitnessGuarantee {

  /** The trainer's name for a phase 2 by the base algorithm's own updates. */
  private static final String SOLVER = "base";

  private static final int SHOWN_BYTES = 6;

  private WitnessGuarantee() {}

  /**
   * States the guarantee at the switch: a limit if the verdict certifies these very features and
   * the loss is one of which it is known that its infimum is 0 where features have full row rank,
   * which holds for the mean cross-entropy and for half the mean squared distance to the one-hot
   * label; else none, with the reason.
   *
   * @param verdict on the witness, if one came
   * @param waited how long was waited for it
   * @param witness the features that phase 2 trains on
   * @param loss that phase 2 minimises, without any penalty added
   */
  public static Guarantee stated(
      Optional<Verdict> verdict, Duration waited, Features witness, Loss loss) {
    Guarantee.Builder guarantee = Guarantee.newBuilder().setSolver(SOLVER);
    Optional<String> missing = missing(verdict, waited, witness, loss);
    if (missing.isPresent()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason(missing.get())
          .build();
    }
    return guarantee
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setText(
            "The features as computed have full rank, so training the output layer alone can bring"
                + " the training loss as close as one likes to its infimum over all layers, and the"
                + " optimality gap of any iterate is at most its training loss minus that infimum."
                + " Phase 2 uses the optimiser's own updates; there is no bound for a given step."
                + " This is about these hidden weights and says nothing about others.")
        .build();
  }

  /**
   * Returns the guarantee as it stands at the end: with the optimality gap, if there is a
   * guarantee.
   *
   * @param stated what {@link #stated} returned
   * @param step the step that the gap is about
   * @param lossUpperBound at least the training loss of the final output layer on the witness's
   *     features, rounding included
   */
  public static Guarantee concluded(Guarantee stated, long step, double lossUpperBound) {
    if (stated.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_NONE) {
      return stated;
    }
    return stated.toBuilder()
        .setAtStep(step)
        .setOptimalityGap(Math.nextUp(lossUpperBound - stated.getLossInfimum()))
        .build();
  }

  private static Optional<String> missing(
      Optional<Verdict> verdict, Duration waited, Features witness, Loss loss) {
    if (loss != Loss.LOSS_CROSS_ENTROPY && loss != Loss.LOSS_SQUARED) {
      return Optional.of("no guarantee of phase 2 is known for this loss");
    }
    if (verdict.isEmpty()) {
      return Optional.of(
          "no verdict on the witness came within %s s".formatted(waited.toMillis() / 1000.0));
    }
    Certificate certificate = verdict.get().getCertificate();
    if (certificate.getOutcome() != Outcome.OUTCOME_CERTIFIED) {
      return Optional.of(
          "the witness is not certified but %s: %s"
              .formatted(
                  certificate.getOutcome().name().replace("OUTCOME_", ""),
                  certificate.getReason()));
    }
    if (!verdict.get().getFeaturesSha256().equals(witness.sha256())) {
      return Optional.of(
          "the verdict is about other features: SHA-256 %s, phase 2 trains on %s"
              .formatted(shown(verdict.get().getFeaturesSha256()), shown(witness.sha256())));
    }
    if (certificate.getRows() != witness.rows()
        || certificate.getColumns() != witness.columns() + 1) {
      return Optional.of(
          "the verdict is about a %d×%d matrix, phase 2 trains on %d×%d"
              .formatted(
                  certificate.getRows(),
                  certificate.getColumns(),
                  witness.rows(),
                  witness.columns() + 1));
    }
    return Optional.empty();
  }

  private static String shown(ByteString sha256) {
    if (sha256.isEmpty()) {
      return "(none)";
    }
    int length = Math.min(SHOWN_BYTES, sha256.size());
    return HexFormat.of().formatHex(sha256.substring(0, length).toByteArray()) + "…";
  }
}

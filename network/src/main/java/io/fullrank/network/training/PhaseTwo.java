package io.fullrank.network.training;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;

/** Training of the output layer on frozen features. */
interface PhaseTwo extends TrainingPhase {

  @Override
  default Phase phase() {
    return Phase.PHASE_TWO;
  }

  /**
   * Takes the outcome of the wait at the switch, before the first step, and says what is guaranteed
   * from here on.
   *
   * @param verdict on the witness, if one came
   * @param timeout how long was waited
   */
  Guarantee begin(Optional<Verdict> verdict, Duration timeout);

  /** An upper bound on the exact training loss as it stands. */
  double lossUpperBound();

  /** The infimum of the loss, if the features have full rank. */
  double lossInfimum();

  /**
   * The guarantee as it stands at the end: with the measured optimality gap and, for a bound,
   * whether it held.
   *
   * @param stated what {@link #begin} returned
   */
  default Guarantee conclude(Guarantee stated) {
    if (stated.getStatement() == GuaranteeStatement.GUARANTEE_STATEMENT_NONE) {
      return stated;
    }
    double loss = lossUpperBound();
    Guarantee.Builder concluded =
        stated.toBuilder().setOptimalityGap(Math.nextUp(loss - lossInfimum()));
    if (stated.hasLossBound()) {
      concluded.setHeld(loss <= stated.getLossBound());
    }
    return concluded.build();
  }
}

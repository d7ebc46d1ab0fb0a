package io.fullrank.network.phase;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;

/** Training of the output layer on features of full rank. */
public interface PhaseTwo extends TrainingPhase {

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

  /** Whether a new verdict is wanted, on the features as they are now, before the next step. */
  default boolean wantsVerdict() {
    return false;
  }

  /**
   * Takes the outcome of a wait for the verdict that was wanted.
   *
   * @param stated what is guaranteed so far
   * @param step steps done
   * @return what is guaranteed from here on
   */
  default Guarantee renew(
      Guarantee stated, long step, Optional<Verdict> verdict, Duration timeout) {
    throw new IllegalStateException("no verdict was wanted");
  }

  /** The solver's name in experiment files. */
  String solver();

  /** An upper bound on the exact training loss of the output layer as it is published. */
  double lossUpperBound();

  /** The infimum of the loss, if the features have full rank. */
  double lossInfimum();

  /**
   * The guarantee as it stands at the end: with the measured optimality gap and, for a bound,
   * whether it held.
   *
   * @param stated what {@link #begin} or {@link #renew} returned last
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

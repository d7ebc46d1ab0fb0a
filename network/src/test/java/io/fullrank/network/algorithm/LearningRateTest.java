package io.fullrank.network.algorithm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.StepSchedule;
import org.junit.jupiter.api.Test;

class LearningRateTest {

  @Test
  void constantStays() {
    LearningRate rate =
        rate(LearningRateSchedule.newBuilder().setConstant(ConstantSchedule.getDefaultInstance()));
    assertThat(rate.at(0)).isEqualTo(0.4);
    assertThat(rate.at(11)).isEqualTo(0.4);
  }

  @Test
  void stepFallsAfterEveryFewEpochs() {
    LearningRate rate =
        rate(
            LearningRateSchedule.newBuilder()
                .setStep(StepSchedule.newBuilder().setEveryEpochs(2).setFactor(0.1)));
    assertThat(rate.at(0)).isEqualTo(0.4);
    assertThat(rate.at(5)).isEqualTo(0.4);
    assertThat(rate.at(6)).isCloseTo(0.04, within(1e-15));
    assertThat(rate.at(11)).isCloseTo(0.04, within(1e-15));
    assertThat(rate.at(12)).isCloseTo(0.004, within(1e-15));
  }

  @Test
  void cosineFallsToZeroAtTheEnd() {
    LearningRate rate =
        rate(LearningRateSchedule.newBuilder().setCosine(CosineSchedule.getDefaultInstance()));
    assertThat(rate.at(0)).isEqualTo(0.4);
    // cos(π/3) = 1/2, cos(π/2) = 0, cos(2π/3) = −1/2
    assertThat(rate.at(4)).isCloseTo(0.3, within(1e-15));
    assertThat(rate.at(6)).isCloseTo(0.2, within(1e-15));
    assertThat(rate.at(8)).isCloseTo(0.1, within(1e-15));
    assertThat(rate.at(12)).isCloseTo(0, within(1e-15));
  }

  @Test
  void refusesNoSchedule() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rate(LearningRateSchedule.newBuilder()))
        .withMessageContaining("schedule");
  }

  /** Initial rate 0.4, three steps per epoch, twelve steps. */
  private static LearningRate rate(LearningRateSchedule.Builder schedule) {
    return LearningRate.of(0.4, schedule.build(), 3, 12);
  }
}

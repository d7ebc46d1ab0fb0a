package io.fullrank.network.algorithm;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.proto.v1.LearningRateSchedule;
import java.util.List;

/** A learning rate by step. */
@FunctionalInterface
public interface LearningRate {

  /** The descriptors of the schedules, of which algorithms have cosine by default. */
  List<Choice> SCHEDULES =
      List.of(
          schedule(
              "constant", LearningRateSchedule.CONSTANT_FIELD_NUMBER, List.of(), "stays as it is"),
          schedule(
              "step",
              LearningRateSchedule.STEP_FIELD_NUMBER,
              List.of(
                  Parameter.count(
                      "every-epochs", Range.count(1, 1_000_000), "epochs", "epochs between drops"),
                  Parameter.number("factor", Range.positiveUpTo(1), "factor of a drop")),
              "is multiplied by `factor` after every `every-epochs` epochs"),
          schedule(
              "cosine",
              LearningRateSchedule.COSINE_FIELD_NUMBER,
              List.of(),
              "falls to 0 at the last step, as half a cosine wave"));

  private static Choice schedule(
      String key, int field, List<Parameter> parameters, String sentence) {
    return Choice.of(key, LearningRateSchedule.getDefaultInstance(), field, parameters, sentence);
  }

  /** The rate of update number {@code step}, counted from 0. */
  double at(long step);

  /**
   * The rate that a schedule makes of an initial one.
   *
   * <ul>
   *   <li>constant: the initial rate η
   *   <li>step: η·factor^⌊epoch / every_epochs⌋
   *   <li>cosine: η(1 + cos(πt/T))/2 at step t of T (Loshchilov, Hutter, <i>SGDR</i>, ICLR 2017,
   *       eq. 5, without restarts)
   * </ul>
   *
   * <p>With warm-up over w steps, step t &lt; w gets (t + 1)/w of that: a linear rise that begins
   * above zero (Goyal et al., <i>Accurate, Large Minibatch SGD</i>, 2017, §2.2).
   */
  static LearningRate of(
      double initial, LearningRateSchedule schedule, long stepsPerEpoch, long totalSteps) {
    LearningRate afterwards = withoutWarmUp(initial, schedule, stepsPerEpoch, totalSteps);
    if (schedule.getWarmUpEpochs() <= 0) {
      return afterwards;
    }
    long steps = Math.multiplyExact(stepsPerEpoch, schedule.getWarmUpEpochs());
    return step -> step < steps ? afterwards.at(step) * (step + 1) / steps : afterwards.at(step);
  }

  private static LearningRate withoutWarmUp(
      double initial, LearningRateSchedule schedule, long stepsPerEpoch, long totalSteps) {
    return switch (schedule.getScheduleCase()) {
      case CONSTANT -> step -> initial;
      case STEP -> {
        long interval =
            Math.multiplyExact(stepsPerEpoch, Math.max(1, schedule.getStep().getEveryEpochs()));
        double factor = schedule.getStep().getFactor();
        yield step -> {
          long drops = step / interval;
          return initial * Math.pow(factor, (double) drops);
        };
      }
      case COSINE -> step -> initial * (1 + Math.cos(Math.PI * step / totalSteps)) / 2;
      case SCHEDULE_NOT_SET ->
          throw new IllegalArgumentException("algorithm: no learning rate schedule is given");
    };
  }
}

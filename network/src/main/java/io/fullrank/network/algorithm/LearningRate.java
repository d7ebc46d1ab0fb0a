package io.fullrank.network.algorithm;

import io.fullrank.proto.v1.LearningRateSchedule;

/** A learning rate by step. */
@FunctionalInterface
interface LearningRate {

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

package io.fullrank.trainer.checkpoint;

import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.proto.v1.CheckpointHeader;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Tensor;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * A run's state at a step, and whose it is.
 *
 * @param header what a file says before its tensors
 * @param tensors those of {@link TrainingCheckpoint}
 */
public record RunCheckpoint(CheckpointHeader header, List<Tensor> tensors) {

  public static RunCheckpoint of(CheckpointHeader.Builder header, TrainingCheckpoint training) {
    return new RunCheckpoint(
        header.setPosition(training.position()).setTensors(training.tensors().size()).build(),
        training.tensors());
  }

  public TrainingCheckpoint training() {
    return new TrainingCheckpoint(header.getPosition(), tensors);
  }

  long step() {
    return header.getPosition().getStep();
  }

  /**
   * Checks that a new attempt can go on from here with the same bits.
   *
   * @param attempt the header of an attempt that starts from the beginning
   * @throws UnusableCheckpointException if anything is different on which the bits depend
   */
  public void requireSameRun(RunHeader attempt) {
    RunHeader written = header.getRun();
    require(
        written.getRun().equals(attempt.getRun()), "it is of run '%s'".formatted(written.getRun()));
    require(
        written.getSpec().equals(attempt.getSpec())
            && written.getVariant() == attempt.getVariant()
            && written.getSeed() == attempt.getSeed()
            && written.getTotalSteps() == attempt.getTotalSteps(),
        "it is of another experiment, variant or seed");
    require(
        written.getDataSet().equals(attempt.getDataSet()),
        "it is of other training data: SHA-256 or shape differ");
    Map<String, String> then = written.getVersionsMap();
    Map<String, String> now = attempt.getVersionsMap();
    TreeSet<String> names = new TreeSet<>(then.keySet());
    names.addAll(now.keySet());
    for (String name : names) {
      String before = then.getOrDefault(name, "(none)");
      String here = now.getOrDefault(name, "(none)");
      require(
          before.equals(here),
          "it was written with %s %s, here is %s: the bits may differ"
              .formatted(name, before, here));
    }
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new UnusableCheckpointException(otherwise);
    }
  }
}

package io.fullrank.network.training;

import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.Variant;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * The memory that one run takes at most, estimated before it begins: what grows with the network
 * and the data, and nothing that is small beside that.
 *
 * @param parts what takes it
 * @param snapshotBytes bytes of one serialised snapshot, without its header
 */
public record RunMemory(List<Part> parts, long snapshotBytes) {

  /**
   * A part of the memory.
   *
   * @param name in words
   * @param heapBytes bytes in the Java heap
   * @param nativeBytes bytes outside the Java heap
   */
  public record Part(String name, long heapBytes, long nativeBytes) {}

  /** Rows that are evaluated at a time. */
  private static final long EVALUATED_ROWS = 256;

  /** The checkpoint that waits for the broker, and the one that is being written. */
  private static final long CHECKPOINTS = 2;

  private static final double MEBIBYTE = 1 << 20;

  /**
   * Estimates what a run takes.
   *
   * @param spec a valid experiment
   * @param data its data set
   * @param queueBytes bytes of snapshots that may wait to be published
   * @param checkpoints whether the run's state is copied now and then
   * @throws IllegalArgumentException if the network is too large to be described
   */
  public static RunMemory of(
      ExperimentSpec spec, Variant variant, DataSet data, long queueBytes, boolean checkpoints) {
    Network network =
        Network.of(spec.getNetwork(), data.train().shape(), data.identity().getClasses());
    ParameterLayout layout = network.layout();
    long rows = data.train().rows();
    long batch = Math.min(BaseAlgorithm.batchSize(Algorithms.STANDARD, spec.getAlgorithm()), rows);
    long all = floats(layout.totalLength());
    long trained = floats(layout.length());
    long remembered = trained * BaseAlgorithm.remembered(Algorithms.STANDARD, spec.getAlgorithm());
    long snapshot = all + (spec.getSnapshots().getGradients() ? trained : 0);
    long largestTensor = floats(layout.slots().stream().mapToLong(Slot::length).max().orElse(0));
    long layers = network.layerNumbers();
    Part phaseTwo =
        variant == Variant.VARIANT_TWO_PHASE
            ? phaseTwo(spec, network, data, trained)
            : new Part("phase 2", 0, 0);
    return new RunMemory(
        List.of(
            new Part("data", data.train().bytes() + data.test().bytes(), 0),
            new Part("parameters and gradient", 0, 2 * all),
            new Part("optimiser's state", remembered, 0),
            // What layers make, the slopes of their activations, and gradients in what they make.
            new Part("activations of a mini-batch", 0, 3 * floats(layers) * batch),
            new Part("activations of an evaluation", 0, floats(layers) * EVALUATED_ROWS),
            new Part(
                "checkpoint copies", checkpoints ? CHECKPOINTS * (2 * all + remembered) : 0, 0),
            // Those that wait, the one that is sent as message and as bytes, and a tensor's copy.
            new Part(
                "snapshot copies",
                Math.min(queueBytes, (long) (snapshots(spec, rows, batch) * snapshot))
                    + 2 * snapshot
                    + largestTensor,
                0),
            phaseTwo),
        snapshot);
  }

  /** Returns how many snapshots a run publishes at most. */
  private static double snapshots(ExperimentSpec spec, long rows, long batch) {
    double epochs = Integer.toUnsignedLong(spec.getEpochs());
    double steps = epochs * ((rows + batch - 1) / batch);
    SnapshotPolicy policy = spec.getSnapshots();
    boolean moving = spec.getTwoPhase().getHidden() == HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING;
    if (moving) {
      // Hidden layers may ask for a certificate at any step.
      return steps;
    }
    double regular =
        policy.hasEverySteps()
            ? steps / Integer.toUnsignedLong(policy.getEverySteps())
            : epochs / Integer.toUnsignedLong(policy.getEveryEpochs());
    // Besides these the first, the witness, the last, and one for each perturbation by a rule.
    return regular + 3 + (spec.getRulesCount() > 0 ? regular : 0);
  }

  /** Features in float64, and what is made of them. */
  private static Part phaseTwo(
      ExperimentSpec spec, Network network, DataSet data, long trainedBytes) {
    long rows = data.train().rows();
    long columns = network.features() + 1L;
    long features = Double.BYTES * (rows + data.test().rows()) * columns;
    boolean moving = spec.getTwoPhase().getHidden() == HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING;
    boolean gram = spec.getTwoPhase().getSolver() == PhaseTwoSolver.PHASE_TWO_SOLVER_MINIMUM_NORM;
    return new Part(
        "features of phase 2",
        // The weights of the last certificate, the gradient over all rows, and a part of it.
        moving ? 4 * trainedBytes : 0,
        features
            + (moving ? Double.BYTES * rows * columns : 0)
            + (gram ? Double.BYTES * rows * rows : 0));
  }

  private static long floats(long count) {
    return Float.BYTES * count;
  }

  /** Returns the bytes that the run takes in the Java heap. */
  public long heapBytes() {
    return sum(Part::heapBytes);
  }

  /** Returns the bytes that the run takes outside the Java heap. */
  public long nativeBytes() {
    return sum(Part::nativeBytes);
  }

  private long sum(ToLongFunction<Part> bytes) {
    return parts.stream().mapToLong(bytes).sum();
  }

  /** Returns the amounts in the Java heap, in words, the largest first. */
  public String heapAmounts() {
    return amounts(Part::heapBytes);
  }

  /** Returns the amounts outside the Java heap, in words, the largest first. */
  public String nativeAmounts() {
    return amounts(Part::nativeBytes);
  }

  private String amounts(ToLongFunction<Part> bytes) {
    return parts.stream()
        .filter(part -> bytes.applyAsLong(part) > 0)
        .sorted((one, other) -> Long.compare(bytes.applyAsLong(other), bytes.applyAsLong(one)))
        .map(part -> part.name() + " " + mebibytes(bytes.applyAsLong(part)))
        .collect(Collectors.joining(", "));
  }

  /** Returns an amount in words, such as "1.5 MiB". */
  public static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / MEBIBYTE);
  }
}

package io.fullrank.trainer.run;

import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.training.RunMemory;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Variant;
import io.fullrank.trainer.configuration.TrainerSettings;
import java.util.Optional;

/**
 * The memory that a run may take here. One that takes more would end the process, and then that of
 * the next trainer, so it is refused before it begins.
 *
 * @param heapBytes the largest Java heap
 * @param machineBytes the memory of the machine or the container, the heap included
 * @param queueBytes bytes of snapshots that may wait for the broker
 * @param checkpoints whether checkpoints are taken
 */
public record MemoryLimits(
    long heapBytes, long machineBytes, long queueBytes, boolean checkpoints) {

  /** What an array of Java holds, less room for what a snapshot carries besides its tensors. */
  public static final long LARGEST_SNAPSHOT = Integer.MAX_VALUE - (1L << 20);

  /** The share of the heap that runs may take; the rest is for the service and the collector. */
  private static final double HEAP_SHARE = 0.9;

  /** What the virtual machine and libraries take outside the heap. */
  private static final long LIBRARIES_BYTES = 300L << 20;

  /** Returns those of this process. */
  public static MemoryLimits of(TrainerSettings settings) {
    return new MemoryLimits(
        Runtime.getRuntime().maxMemory(),
        NativeBytes.ofMachine(),
        settings.queueBytes(),
        settings.checkpointDirectory().isPresent());
  }

  /**
   * Returns why a run does not fit, with the amounts; empty if it does.
   *
   * @param spec a valid experiment
   * @param data its data set
   * @throws IllegalArgumentException if the network is too large to be described
   */
  public Optional<String> refusal(ExperimentSpec spec, Variant variant, DataSet data) {
    RunMemory memory = RunMemory.of(spec, variant, data, queueBytes, checkpoints);
    if (memory.snapshotBytes() > LARGEST_SNAPSHOT) {
      return Optional.of(
          "a snapshot of the network has %d bytes, at most %d can be published; make the network smaller%s"
              .formatted(
                  memory.snapshotBytes(),
                  LARGEST_SNAPSHOT,
                  spec.getSnapshots().getGradients() ? " or leave out snapshots.gradients" : ""));
    }
    long heap = (long) (HEAP_SHARE * heapBytes);
    if (memory.heapBytes() > heap) {
      return Optional.of(
          "a run takes %s of Java heap (%s), the trainer has %s for it; make the network smaller, or give the trainer a larger heap or a smaller fullrank.trainer.queue-bytes"
              .formatted(
                  RunMemory.mebibytes(memory.heapBytes()),
                  memory.heapAmounts(),
                  RunMemory.mebibytes(heap)));
    }
    long outside = machineBytes - heapBytes - LIBRARIES_BYTES;
    if (memory.nativeBytes() > outside) {
      return Optional.of(
          "a run takes %s outside the Java heap (%s), the trainer has %s for it; make the network, the mini-batch or the data smaller, or give the trainer more memory"
              .formatted(
                  RunMemory.mebibytes(memory.nativeBytes()),
                  memory.nativeAmounts(),
                  RunMemory.mebibytes(outside)));
    }
    return Optional.empty();
  }
}

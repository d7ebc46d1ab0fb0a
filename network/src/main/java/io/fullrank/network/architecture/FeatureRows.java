package io.fullrank.network.architecture;

import io.fullrank.certificate.matrix.Rows;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.SingleBlasThread;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The feature matrix Φ of {@link Features#compute} without a place in memory: its rows are computed
 * block by block whenever they are asked for, to the same bits each time. Only the blocks that were
 * asked for last are held. Several threads may read at the same time; each has a processor to
 * itself if it keeps to blocks of its own.
 */
public final class FeatureRows implements Rows {

  private final Network network;
  private final Parameters parameters;
  private final Samples samples;
  private final Map<Integer, Block> blocks;

  /** Working memory that no block is being computed with. */
  private final Queue<Workspace> idle = new ConcurrentLinkedQueue<>();

  private record Workspace(FeaturePass pass, FloatMatrix inputs) {}

  /**
   * Computes nothing yet.
   *
   * @param parameters (input) θ; they must stay as they are
   * @param samples (input) n rows of the network's input size
   * @param threads the largest number of threads that read
   * @throws IllegalArgumentException if the rows have another size
   */
  public FeatureRows(Network network, Parameters parameters, Samples samples, int threads) {
    Features.requireInputs(network, samples);
    this.network = network;
    this.parameters = parameters;
    this.samples = samples;
    int held = threads + 1;
    this.blocks =
        new LinkedHashMap<>(16, 0.75f, true) {
          @Override
          protected boolean removeEldestEntry(Map.Entry<Integer, Block> eldest) {
            return size() > held;
          }
        };
  }

  @Override
  public long rows() {
    return samples.rows();
  }

  @Override
  public long columns() {
    return network.features() + 1L;
  }

  @Override
  public int rowsTogether() {
    return Features.BLOCK_ROWS;
  }

  @Override
  public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
    Objects.checkIndex(row, rows());
    Objects.checkFromIndexSize(fromColumn, length, columns());
    Objects.checkFromIndexSize(offset, length, into.length);
    int units = network.features();
    int ofUnits = (int) Math.min(length, Math.max(0, units - fromColumn));
    if (ofUnits > 0) {
      float[] values = block((int) (row / Features.BLOCK_ROWS)).values();
      int from = (int) (row % Features.BLOCK_ROWS) * units + (int) fromColumn;
      for (int j = 0; j < ofUnits; j++) {
        into[offset + j] = values[from + j];
      }
    }
    if (ofUnits < length) {
      into[offset + ofUnits] = 1;
    }
  }

  private Block block(int number) {
    synchronized (blocks) {
      return blocks.computeIfAbsent(number, Block::new);
    }
  }

  /** Some rows, computed when the first of them is read. */
  private final class Block {

    private final int number;
    private float[] values;

    Block(int number) {
      this.number = number;
    }

    synchronized float[] values() {
      if (values == null) {
        values = SingleBlasThread.during(this::compute);
      }
      return values;
    }

    private float[] compute() {
      Workspace workspace = idle.poll();
      if (workspace == null) {
        workspace =
            new Workspace(
                network.featurePass(Features.BLOCK_ROWS),
                FloatMatrix.zeros(Features.BLOCK_ROWS, network.inputs()));
      }
      FloatMatrix h =
          Features.ofBlock(
              workspace.pass(),
              parameters,
              samples,
              number * Features.BLOCK_ROWS,
              workspace.inputs());
      float[] computed = new float[Math.toIntExact((long) h.rows() * h.columns())];
      h.values().get(0, computed);
      idle.add(workspace);
      return computed;
    }
  }
}

package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.architecture.Evaluator;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.BatchInputs;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Tensor;
import java.util.List;

/** The base algorithm on all layers: phase 1, and the whole of a base run. */
public final class AllLayersPhase implements TrainingPhase {

  private final TrainingState state;
  private final Backpropagation backpropagation;
  private final Evaluator evaluator;
  private final BatchInputs inputs;
  private final int[] labels;

  /**
   * Prepares the phase.
   *
   * @param inputs makes the network's inputs of the rows of a mini-batch
   */
  public AllLayersPhase(TrainingState state, BatchInputs inputs) {
    this.state = state;
    this.inputs = inputs;
    this.labels = state.data().train().labels();
    this.backpropagation = new Backpropagation(state.network(), state.loss(), state.batchSize());
    this.evaluator = new Evaluator(state.network(), state.loss());
  }

  @Override
  public Phase phase() {
    return Phase.PHASE_ONE;
  }

  @Override
  public double learningRate(long step) {
    return state.base().learningRate(step);
  }

  @Override
  public void step(long step) throws DivergenceException {
    int[] rows = state.batches().next();
    int[] batchLabels = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      batchLabels[i] = labels[rows[i]];
    }
    double loss =
        backpropagation.lossAndGradient(
            state.parameters(), inputs.of(rows), batchLabels, state.gradient());
    state.requireFinite(step, "mini-batch loss", loss);
    state.base().update(step, state.parameters(), state.gradient());
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    state.requireFiniteParameters(step);
    Evaluation evaluation = evaluator.evaluate(state.parameters(), state.data().train());
    state.requireFinite(step, "training loss", evaluation.loss());
    return evaluation;
  }

  @Override
  public Evaluation evaluateTest() {
    return evaluator.evaluate(state.parameters(), state.data().test());
  }

  @Override
  public List<Tensor> weights() {
    return state.parameters().toTensors();
  }

  @Override
  public List<Tensor> gradients() {
    return state.gradient().trainedToTensors();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return state.layers().stream().map(state::gradientNorm).toList();
  }

  @Override
  public ByteString featuresSha256() {
    return ByteString.EMPTY;
  }

  @Override
  public PhaseMemory memory() {
    return PhaseMemory.NONE;
  }

  /** Skips the augmentation of all rows that have been drawn before. */
  @Override
  public void restore(PhaseMemory memory) {
    inputs.skip(state.batches().rowsDrawn());
  }

  @Override
  public void close() {
    // The native memory of the working matrices is freed with them.
  }
}

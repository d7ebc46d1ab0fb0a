package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.network.data.Samples;
import io.fullrank.network.model.Backpropagation;
import io.fullrank.network.model.Evaluation;
import io.fullrank.network.model.Evaluator;
import io.fullrank.network.model.FloatMatrix;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Tensor;
import java.nio.FloatBuffer;
import java.util.List;

/** The base algorithm on all layers: phase 1, and the whole of a base run. */
final class AllLayersPhase implements TrainingPhase {

  private final TrainingState state;
  private final Backpropagation backpropagation;
  private final Evaluator evaluator;
  private final FloatMatrix trainInputs;
  private final int[] trainLabels;
  private final FloatMatrix testInputs;
  private final int[] testLabels;

  /** The inputs of a mini-batch, batchSize × inputs. */
  private final FloatMatrix batch;

  AllLayersPhase(TrainingState state) {
    this.state = state;
    this.backpropagation = new Backpropagation(state.network(), state.loss(), state.batchSize());
    this.evaluator = new Evaluator(state.network(), state.loss());
    this.trainInputs = inputs(state.data().train());
    this.trainLabels = state.data().train().labels();
    this.testInputs = inputs(state.data().test());
    this.testLabels = state.data().test().labels();
    this.batch = FloatMatrix.zeros(state.batchSize(), state.network().inputs());
  }

  private static FloatMatrix inputs(Samples samples) {
    return FloatMatrix.of(samples.rows(), samples.inputs(), samples.values());
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
    int[] labels = new int[rows.length];
    FloatBuffer values = batch.values();
    int inputs = batch.columns();
    for (int i = 0; i < rows.length; i++) {
      values.put(i * inputs, trainInputs.values(), rows[i] * inputs, inputs);
      labels[i] = trainLabels[rows[i]];
    }
    double loss =
        backpropagation.lossAndGradient(
            state.parameters(), batch.rows(0, rows.length), labels, state.gradient());
    state.requireFinite(step, "mini-batch loss", loss);
    state.base().update(step, state.parameters(), state.gradient());
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    state.requireFiniteParameters(step);
    Evaluation evaluation = evaluator.evaluate(state.parameters(), trainInputs, trainLabels);
    state.requireFinite(step, "training loss", evaluation.loss());
    return evaluation;
  }

  @Override
  public Evaluation evaluateTest() {
    return evaluator.evaluate(state.parameters(), testInputs, testLabels);
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
  public void close() {
    // Native memory of the working matrices goes with them.
  }
}

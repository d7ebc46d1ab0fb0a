package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.architecture.OutputLayer;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Phase 2 by the base algorithm's own mini-batch updates, without weight decay, on the output
 * layer. The memory of the base algorithm (its momentum) and the order of mini-batches go on from
 * phase 1.
 */
final class BaseUpdatesPhase implements PhaseTwo {

  static final Solver SOLVER =
      new Solver(
          PhaseTwoSolver.PHASE_TWO_SOLVER_BASE,
          "base",
          "the base algorithm's update",
          "the limit, and the measured optimality gap",
          false,
          (state, features, switchStep, totalSteps) -> new BaseUpdatesPhase(state, features));

  private final TrainingState state;
  private final PhaseTwoFeatures features;
  private final OutputLayer output;
  private final int[] labels;

  /** The features of a mini-batch, batchSize × m_H. */
  private final FloatMatrix batch;

  BaseUpdatesPhase(TrainingState state, PhaseTwoFeatures features) {
    this.state = state;
    this.features = features;
    this.output = new OutputLayer(state.loss(), state.network().classes(), state.batchSize());
    this.labels = state.data().train().labels();
    this.batch = FloatMatrix.zeros(state.batchSize(), state.network().features());
    state.base().freezeHiddenLayers();
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    Guarantee.Builder guarantee =
        Guarantee.newBuilder().setSolver(solver()).setLossInfimum(lossInfimum());
    if (judged.certificate().isEmpty()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason(judged.reason())
          .build();
    }
    return guarantee
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setText(
            "The features as computed have full rank, so training the output layer alone can bring the training loss as close as one "
                + "likes to its infimum over all layers, and the optimality gap of any iterate is at most its training loss "
                + "minus that infimum. Phase 2 uses the base algorithm's updates on unaugmented rows and without weight decay; there "
                + "is no bound for a given step."
                + features.scope())
        .build();
  }

  @Override
  public String solver() {
    return SOLVER.key();
  }

  @Override
  public double learningRate(long step) {
    return state.base().learningRate(step);
  }

  @Override
  public void step(long step) throws DivergenceException {
    int[] rows = state.batches().next();
    int[] batchLabels = new int[rows.length];
    FloatBuffer values = batch.values();
    double[] row = new double[batch.columns()];
    for (int i = 0; i < rows.length; i++) {
      features.train().features().getRow(rows[i], 0, row, 0, row.length);
      for (int j = 0; j < row.length; j++) {
        values.put(i * row.length + j, (float) row[j]);
      }
      batchLabels[i] = labels[rows[i]];
    }
    double loss =
        output.lossAndGradient(
            state.parameters(), batch.rows(0, rows.length), batchLabels, state.gradient());
    state.requireFinite(step, "mini-batch loss", loss);
    state.base().update(step, state.parameters(), state.gradient());
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    state.requireFiniteParameters(step);
    Evaluation evaluation = evaluate(features.train());
    state.requireFinite(step, "training loss", evaluation.loss());
    return evaluation;
  }

  @Override
  public Evaluation evaluateTest() {
    return evaluate(features.test());
  }

  private Evaluation evaluate(OutputProblem problem) {
    try (Matrix v = outputLayer()) {
      return problem.evaluate(v);
    }
  }

  @Override
  public double lossUpperBound() {
    try (Matrix v = outputLayer()) {
      return features.train().lossUpperBound(v);
    }
  }

  private Matrix outputLayer() {
    return PhaseTwoFeatures.outputLayer(state.parameters(), state.network().classes());
  }

  @Override
  public double lossInfimum() {
    return state.loss().infimum();
  }

  @Override
  public List<Tensor> weights() {
    return state.parameters().toTensors();
  }

  @Override
  public List<Tensor> gradients() {
    return state.gradient().outputToTensors();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return List.of(state.gradientNorm("output"));
  }

  @Override
  public ByteString featuresSha256() {
    return features.sha256();
  }

  @Override
  public PhaseMemory memory() {
    return PhaseMemory.NONE;
  }

  @Override
  public void restore(PhaseMemory memory) {
    // All that it works on is in the state.
  }

  @Override
  public void close() {
    features.close();
  }
}

package io.fullrank.network.phase;

import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.HiddenLayersPosition;
import java.nio.FloatBuffer;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Moves of the hidden layers along the gradient of the loss over the whole training set, each made
 * on trial: it stands only if the features stay in the {@link CertifiedNeighbourhood} and the loss
 * as computed does not rise. A move that fails is shortened a few times, then not made.
 */
final class HiddenLayerDescent {

  /** How often a move is tried; each time costs a pass forward over the training set. */
  private static final int TRIALS = 6;

  private static final double GROWTH = 2;

  private final TrainingState state;
  private final PhaseTwoFeatures features;
  private final TrainingSetGradient gradient;

  /** Step size of the next move. */
  private double rate;

  private long epochs;
  private long moves;

  /**
   * Prepares the first move.
   *
   * @param rate its step size
   */
  HiddenLayerDescent(TrainingState state, PhaseTwoFeatures features, double rate) {
    this.state = state;
    this.features = features;
    this.gradient = new TrainingSetGradient(state);
    this.rate = rate;
  }

  /**
   * Moves the hidden layers, or leaves everything as it was but the gradient.
   *
   * @param step steps done
   * @param output evaluates the loss on the features as they are
   * @throws DivergenceException if the loss is not finite
   */
  void move(long step, TrainingPhase output, CertifiedNeighbourhood neighbourhood)
      throws DivergenceException {
    double loss = output.evaluateTraining(step).loss();
    gradient.compute();
    epochs++;
    float[] start = neighbourhood.hiddenWeights();
    double sigmaMax = features.sigmaMax();
    for (int trial = 0; trial < TRIALS; trial++) {
      descendFrom(start);
      features.recomputeTraining();
      Optional<Certificate> carried = neighbourhood.certify();
      if (carried.isPresent() && output.evaluateTraining(step).loss() <= loss) {
        neighbourhood.stand(carried.get());
        features.recomputeTest();
        moves++;
        rate = trial == 0 ? GROWTH * rate : rate;
        return;
      }
      // Divided by 2, then 4, 8 …, since the first step size that fits may be far smaller.
      rate /= 2 << trial;
    }
    state.parameters().values().put(0, start);
    features.recomputeTraining();
    features.proven(OptionalDouble.of(sigmaMax));
  }

  /** θ ← θ_start − η∇L(θ_start) for the hidden layers. */
  private void descendFrom(float[] start) {
    FloatBuffer weights = state.parameters().values();
    FloatBuffer slopes = state.gradient().values();
    for (int i = 0; i < start.length; i++) {
      weights.put(i, (float) (start[i] - rate * slopes.get(i)));
    }
  }

  /** After how many epochs a move was tried. */
  long epochs() {
    return epochs;
  }

  /** How many moves stood. */
  long moves() {
    return moves;
  }

  /**
   * Adds what it remembers.
   *
   * @param position (modified)
   */
  void remember(HiddenLayersPosition.Builder position) {
    position.setLearningRate(rate).setEpochs(epochs).setMoves(moves);
  }

  /** Takes up what {@link #remember} added. */
  void recall(HiddenLayersPosition position) {
    rate = position.getLearningRate();
    epochs = position.getEpochs();
    moves = position.getMoves();
  }
}

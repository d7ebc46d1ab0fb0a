package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.network.tensor.Gaussian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.TwoPhaseSpec;
import java.nio.FloatBuffer;

/**
 * A(base), the two-phase algorithm over any base algorithm (KS21, Algorithm 1): base on all layers
 * up to step τ; then a Gaussian perturbation of the hidden layers, whose features must turn out to
 * have full rank; then the output layer, and the hidden layers only as far as that rank is proven
 * to stay.
 *
 * @param spec what the experiment says about it
 * @param switchStep τ
 * @param totalSteps T
 * @param stepsPerEpoch number of steps after which hidden layers that preserve the rank move
 * @param seed of the perturbation
 */
public record TwoPhaseTraining(
    TwoPhaseSpec spec,
    long switchStep,
    long totalSteps,
    long stepsPerEpoch,
    long seed,
    DenseLinearAlgebra algebra) {

  /**
   * Perturbs the hidden layers, fixes the statistics of batch normalisation at those of the whole
   * training set, computes the features on which the output layer trains from now on, and prepares
   * phase 2.
   *
   * @param state (modified) as phase 1 left it
   */
  public PhaseTwo switchPhases(TrainingState state) {
    perturb(state.parameters(), spec.getNoise(), seed);
    state.network().fixStatistics(state.parameters(), state.data().train());
    return phaseTwo(state, new PhaseTwoFeatures(state, algebra));
  }

  /**
   * Continues phase 2 at the point that a run had reached, except for the phase's own memory, which
   * is restored afterwards.
   *
   * @param state already restored from the checkpoint
   * @param sha256 SHA-256 of the features that the run trained on
   * @throws UnusableCheckpointException if this machine computes others from the same weights
   */
  public PhaseTwo resume(TrainingState state, ByteString sha256) {
    PhaseTwoFeatures features = new PhaseTwoFeatures(state, algebra);
    if (!features.sha256().equals(sha256)) {
      features.close();
      throw new UnusableCheckpointException(
          "its weights give other features here, with other bits than those that were certified: another kind of processor, or other "
              + "libraries");
    }
    return phaseTwo(state, features);
  }

  private PhaseTwo phaseTwo(TrainingState state, PhaseTwoFeatures features) {
    PhaseTwo outputLayer = outputLayerPhase(state, features);
    return switch (spec.getHidden()) {
      case HIDDEN_LAYERS_RANK_PRESERVING ->
          new RankPreservingPhase(state, features, outputLayer, switchStep, stepsPerEpoch);
      case HIDDEN_LAYERS_FROZEN, HIDDEN_LAYERS_UNSPECIFIED -> outputLayer;
      case UNRECOGNIZED -> throw new IllegalArgumentException("two-phase: unknown hidden layers");
    };
  }

  private PhaseTwo outputLayerPhase(TrainingState state, PhaseTwoFeatures features) {
    return Solvers.chosenBy(spec.getSolver())
        .orElseThrow(() -> new IllegalArgumentException("two-phase: no solver is given"))
        .phase()
        .make(state, features, switchStep, totalSteps);
  }

  /**
   * θ ← θ + ν·N(0, I) on every parameter of the hidden layers.
   *
   * @param parameters (modified) the output layer's part stays as it is
   * @param noise ν
   */
  public static void perturb(Parameters parameters, double noise, long seed) {
    Gaussian gaussian = new Gaussian(seed);
    FloatBuffer values = parameters.values();
    for (int i = 0; i < parameters.layout().hiddenLength(); i++) {
      values.put(i, (float) (values.get(i) + noise * gaussian.next()));
    }
  }
}

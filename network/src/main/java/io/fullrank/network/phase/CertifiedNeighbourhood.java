package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.CertifiedFeatures;
import io.fullrank.proto.v1.HiddenLayersPosition;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The features around the last certified ones, Φ₀, that are proven to have full rank: with σ_n(Φ₀)
 * ≥ b, those of which {@link CarryOver} proves σ_n(Φ) ≥ b − ‖Φ − Φ₀‖_F ≥ b/2, rounding included.
 * Takes half as much memory as the training features, for Φ₀ as float32.
 */
final class CertifiedNeighbourhood implements AutoCloseable {

  private static final String WEIGHTS = "certified-hidden-weights";

  /** How much of a certificate's bound is left at least: as much as checkers carry over, too. */
  private static final double LEAST_FRACTION = 0.5;

  /** How much of it has to be left, or a new certificate is asked for. */
  private static final double RENEWAL_FRACTION = (1 + LEAST_FRACTION) / 2;

  /** The same number of threads as {@link io.fullrank.network.tensor.SingleBlasThread} allows. */
  private static final int THREADS = 1;

  private final TrainingState state;
  private final PhaseTwoFeatures features;

  /** Φ₀, as long as the hidden layers may move. */
  private Optional<Centre> centre = Optional.empty();

  /** b. */
  private double bound;

  /** The lower bound on σ_n of the features as they are. */
  private double proven;

  private long certificates;

  CertifiedNeighbourhood(TrainingState state, PhaseTwoFeatures features) {
    this.state = state;
    this.features = features;
  }

  /**
   * Φ₀ with what it takes to compute it again.
   *
   * @param weights the hidden layers' parameters
   */
  private record Centre(CarryOver features, float[] weights, CertifiedFeatures described) {}

  /**
   * Takes the features as they are for Φ₀.
   *
   * @param judged a verdict with a bound on their σ_n
   */
  void moveTo(WitnessVerdict judged) {
    close();
    // What was carried over to these features is proven, too.
    bound = Math.max(proven, judged.sigmaMinLowerBound().getAsDouble());
    proven = bound;
    features.proven(judged.sigmaMaxUpperBound());
    centre = Optional.of(centre(judged.sigmaMaxUpperBound()));
    certificates++;
  }

  private Centre centre(OptionalDouble sigmaMax) {
    CertifiedFeatures.Builder described =
        CertifiedFeatures.newBuilder().setFeaturesSha256(features.sha256());
    sigmaMax.ifPresent(described::setSigmaMax);
    return new Centre(
        CarryOver.from(features.train().features(), bound, sigmaMax, THREADS),
        hiddenWeights(),
        described.build());
  }

  /** A copy of the hidden layers' parameters as they are. */
  float[] hiddenWeights() {
    float[] weights = new float[state.parameters().layout().hiddenLength()];
    state.parameters().values().get(0, weights);
    return weights;
  }

  /** Returns whether the hidden layers may move. */
  boolean isOpen() {
    return centre.isPresent();
  }

  /** Returns whether more than half of the radius b/2 is used up. */
  boolean isNearlyLeft() {
    return isOpen() && proven < RENEWAL_FRACTION * bound;
  }

  /** The proof that the features as computed now lie within; empty if there is none. */
  Optional<Certificate> certify() {
    return centre
        .orElseThrow()
        .features()
        .certify(features.train().features(), LEAST_FRACTION * bound, THREADS);
  }

  /** Takes up what {@link #certify} proved of features that stand. */
  void stand(Certificate carried) {
    proven = carried.sigmaMinLowerBound().getAsDouble();
    features.proven(carried.sigmaMaxUpperBound());
  }

  /** The proven lower bound on σ_n of the features as they are; 0 if none was ever certified. */
  double proven() {
    return proven;
  }

  /** How many certificates it has been based on, one after the other. */
  long certificates() {
    return certificates;
  }

  /**
   * Adds what it remembers.
   *
   * @param position (modified) its numbers
   * @param vectors (modified) by name
   */
  void remember(HiddenLayersPosition.Builder position, Map<String, double[]> vectors) {
    position.setCertifiedSigmaMin(bound).setSigmaMin(proven).setCertificates(certificates);
    centre.ifPresent(
        around -> {
          double[] widened = new double[around.weights().length];
          for (int i = 0; i < widened.length; i++) {
            widened[i] = around.weights()[i];
          }
          vectors.put(WEIGHTS, widened);
          position.setAround(around.described());
        });
  }

  /**
   * Takes up what {@link #remember} added. Φ₀ is computed from its weights, which take less room in
   * a checkpoint.
   *
   * @throws IllegalArgumentException if it is not the same here
   */
  void recall(HiddenLayersPosition position, PhaseMemory memory) {
    bound = position.getCertifiedSigmaMin();
    proven = position.getSigmaMin();
    certificates = position.getCertificates();
    if (position.hasAround()) {
      recallCentre(position.getAround(), memory);
    }
  }

  private void recallCentre(CertifiedFeatures described, PhaseMemory memory) {
    ByteString trained = features.sha256();
    float[] now = hiddenWeights();
    double[] then = memory.vector(WEIGHTS, now.length);
    FloatBuffer weights = state.parameters().values();
    for (int i = 0; i < then.length; i++) {
      weights.put(i, (float) then[i]);
    }
    features.recomputeTraining();
    if (!features.sha256().equals(described.getFeaturesSha256())) {
      throw new IllegalArgumentException(
          "the weights that were certified give other features here, with other bits: another kind of processor, or other libraries");
    }
    centre =
        Optional.of(
            centre(
                described.hasSigmaMax()
                    ? OptionalDouble.of(described.getSigmaMax())
                    : OptionalDouble.empty()));
    weights.put(0, now);
    features.recomputeTraining();
    if (!features.sha256().equals(trained)) {
      throw new IllegalArgumentException(
          "the same weights give other features the second time, with other bits");
    }
  }

  /** From now on the hidden layers stay where they are; what was proven of them stays proven. */
  @Override
  public void close() {
    centre.ifPresent(around -> around.features().close());
    centre = Optional.empty();
  }
}

package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Phase 2 with hidden layers that move and keep the rank (theory §3, §5): a solver trains the
 * output layer on the features, step by step as if the hidden layers were frozen, and after the
 * last step of every epoch these move along the gradient of the loss over the whole training set.
 *
 * <p><b>What is proven.</b> Let Φ₀ be the features that were certified last, with σ_n(Φ₀) ≥ b.
 * Every move is made on trial; its features Φ are computed, and it stands only if {@link CarryOver}
 * proves σ_n(Φ) ≥ b − ‖Φ − Φ₀‖_F ≥ b/2, rounding included. So at every step of phase 2 the features
 * as computed have full rank, whatever a verdict on a later snapshot says. A move must also not
 * raise the loss as computed. One that fails is shortened a few times, then not made.
 *
 * <p>Where more than half of the radius b/2 is used up, a new verdict is wanted. Whatever it is but
 * a certificate of exactly these features with a bound: the hidden layers stay where they are from
 * then on, and what was proven of their features stays proven.
 *
 * <p>Takes half as much memory again as the training features, for Φ₀ as float32, and an epoch's
 * pass forward and backward, one forward for each trial and one over the test set per epoch.
 */
final class RankPreservingPhase implements PhaseTwo {

  private static final String WEIGHTS = "certified-hidden-weights";
  private static final String SHA256 = "certified-features-sha256";
  private static final String SIGMA_MAX = "certified-largest-singular-value";
  private static final String BOUND = "certified-smallest-singular-value";
  private static final String PROVEN = "smallest-singular-value";
  private static final String RATE = "hidden-learning-rate";
  private static final String FRESH = "hidden-gradient-is-fresh";
  private static final String EPOCHS = "hidden-epochs";
  private static final String MOVES = "hidden-moves";
  private static final String CERTIFICATES = "certificates";

  private static final int SHA256_BYTES = 32;

  /** How much of a certificate's bound is left at least: as much as checkers carry over, too. */
  private static final double LEAST_FRACTION = 0.5;

  /** How much of it has to be left, or a new certificate is asked for. */
  private static final double RENEWAL_FRACTION = (1 + LEAST_FRACTION) / 2;

  /** How often a move is tried; each time costs a pass forward over the training set. */
  private static final int TRIALS = 6;

  private static final double GROWTH = 2;

  /** As {@link io.fullrank.network.tensor.SingleBlasThread} has it for training. */
  private static final int THREADS = 1;

  private final TrainingState state;
  private final PhaseTwoFeatures features;
  private final PhaseTwo output;
  private final long stepsPerEpoch;
  private final TrainingSetGradient gradient;

  /** Φ₀, as long as the hidden layers may move. */
  private Optional<Certified> certified = Optional.empty();

  /** b. */
  private double bound;

  /** The lower bound on σ_n of the features as they are. */
  private double proven;

  /** Step size of the next move. */
  private double rate;

  /** Whether the gradient over the whole training set was taken after the last step. */
  private boolean fresh;

  private long epochs;
  private long moves;
  private long certificates;

  /**
   * Prepares the phase.
   *
   * @param output trains the output layer on the same features; closed with this
   */
  RankPreservingPhase(
      TrainingState state,
      PhaseTwoFeatures features,
      PhaseTwo output,
      long switchStep,
      long stepsPerEpoch) {
    this.state = state;
    this.features = features;
    this.output = output;
    this.stepsPerEpoch = stepsPerEpoch;
    this.gradient = new TrainingSetGradient(state);
    this.rate = state.base().learningRate(switchStep);
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    if (judged.sigmaMinLowerBound().isEmpty()) {
      Guarantee frozen = output.begin(verdict, timeout);
      return judged.certificate().isEmpty()
          ? frozen
          : with(frozen, "The hidden layers stay where they are: %s.".formatted(judged.noRadius()));
    }
    moveAround(judged);
    return Guarantee.newBuilder()
        .setSolver(solver())
        .setLossInfimum(lossInfimum())
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setText(
            "The features as computed have full rank and keep it: hidden layers only move where the features' distance from "
                + "certified ones is proven to be less than those ones' smallest singular value, rounding included. So at any "
                + "time training the output layer alone can bring the loss as close as one likes to its infimum over all "
                + "layers, and the optimality gap of any iterate is at most its training loss minus that infimum. There is no "
                + "bound for a given step."
                + features.scope())
        .build();
  }

  @Override
  public boolean wantsVerdict() {
    return certified.isPresent() && proven < RENEWAL_FRACTION * bound;
  }

  @Override
  public Guarantee renew(Guarantee stated, long step, Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    if (judged.sigmaMinLowerBound().isPresent()) {
      moveAround(judged);
      return stated;
    }
    closeCertified();
    return with(
        stated,
        "From step %d on the hidden layers stay where they are: %s."
            .formatted(step, judged.noRadius()));
  }

  /** Takes the features as they are for Φ₀. */
  private void moveAround(WitnessVerdict judged) {
    closeCertified();
    // What was carried over to these features is proven, too.
    bound = Math.max(proven, judged.sigmaMinLowerBound().getAsDouble());
    proven = bound;
    features.proven(judged.sigmaMaxUpperBound());
    certified = Optional.of(certified(judged.sigmaMaxUpperBound()));
    certificates++;
  }

  private Certified certified(OptionalDouble sigmaMaxUpperBound) {
    return new Certified(
        CarryOver.from(features.train().features(), bound, sigmaMaxUpperBound, THREADS),
        sigmaMaxUpperBound,
        hiddenWeights(),
        features.sha256());
  }

  private float[] hiddenWeights() {
    float[] weights = new float[state.parameters().layout().hiddenLength()];
    state.parameters().values().get(0, weights);
    return weights;
  }

  private void closeCertified() {
    certified.ifPresent(Certified::close);
    certified = Optional.empty();
  }

  private static Guarantee with(Guarantee guarantee, String sentence) {
    return guarantee.toBuilder().setText((guarantee.getText() + " " + sentence).strip()).build();
  }

  @Override
  public void step(long step) throws DivergenceException {
    output.step(step);
    fresh = false;
    if (certified.isPresent() && (step + 1) % stepsPerEpoch == 0) {
      moveHiddenLayers(step + 1, certified.get().features);
    }
  }

  private void moveHiddenLayers(long step, CarryOver around) throws DivergenceException {
    double loss = output.evaluateTraining(step).loss();
    gradient.compute();
    fresh = true;
    epochs++;
    float[] start = hiddenWeights();
    double sigmaMax = features.sigmaMax();
    for (int trial = 0; trial < TRIALS; trial++) {
      descendFrom(start);
      features.recomputeTraining();
      Optional<Certificate> carried =
          around.certify(features.train().features(), LEAST_FRACTION * bound, THREADS);
      if (carried.isPresent() && output.evaluateTraining(step).loss() <= loss) {
        proven = carried.get().sigmaMinLowerBound().getAsDouble();
        features.proven(carried.get().sigmaMaxUpperBound());
        features.recomputeTest();
        moves++;
        rate = trial == 0 ? GROWTH * rate : rate;
        return;
      }
      // By 2, then 4, 8 …: nobody knows how far away the first step that fits is.
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

  @Override
  public Guarantee conclude(Guarantee stated) {
    Guarantee concluded = PhaseTwo.super.conclude(stated);
    return certificates == 0
        ? concluded
        : with(
            concluded,
            "Hidden layers moved after %d of %d epochs, on %d certificates; the smallest singular value is at least %s at the end."
                .formatted(
                    moves,
                    epochs,
                    certificates,
                    new BigDecimal(proven).round(new MathContext(4, RoundingMode.FLOOR))));
  }

  @Override
  public String solver() {
    return output.solver();
  }

  @Override
  public double learningRate(long step) {
    return output.learningRate(step);
  }

  @Override
  public Evaluation evaluateTraining(long step) throws DivergenceException {
    return output.evaluateTraining(step);
  }

  @Override
  public Evaluation evaluateTest() {
    return output.evaluateTest();
  }

  @Override
  public double lossUpperBound() {
    return output.lossUpperBound();
  }

  @Override
  public double lossInfimum() {
    return output.lossInfimum();
  }

  @Override
  public List<Tensor> weights() {
    return output.weights();
  }

  @Override
  public List<Tensor> gradients() {
    return fresh ? state.gradient().trainedToTensors() : output.gradients();
  }

  @Override
  public List<LayerNorm> gradientNorms() {
    return fresh
        ? state.layers().stream().map(state::gradientNorm).toList()
        : output.gradientNorms();
  }

  @Override
  public ByteString featuresSha256() {
    return features.sha256();
  }

  @Override
  public PhaseMemory memory() {
    Map<String, double[]> numbers = new LinkedHashMap<>(output.memory().numbers());
    numbers.put(BOUND, new double[] {bound});
    numbers.put(PROVEN, new double[] {proven});
    numbers.put(RATE, new double[] {rate});
    numbers.put(FRESH, new double[] {fresh ? 1 : 0});
    numbers.put(EPOCHS, new double[] {epochs});
    numbers.put(MOVES, new double[] {moves});
    numbers.put(CERTIFICATES, new double[] {certificates});
    certified.ifPresent(around -> around.remember(numbers));
    return new PhaseMemory(numbers);
  }

  @Override
  public void restore(PhaseMemory memory) {
    bound = memory.number(BOUND);
    proven = memory.number(PROVEN);
    rate = memory.number(RATE);
    fresh = memory.number(FRESH) != 0;
    epochs = (long) memory.number(EPOCHS);
    moves = (long) memory.number(MOVES);
    certificates = (long) memory.number(CERTIFICATES);
    if (memory.has(WEIGHTS)) {
      restoreCertified(memory);
    }
    output.restore(memory);
  }

  /** Computes Φ₀ from its weights, which take less room in a checkpoint. */
  private void restoreCertified(PhaseMemory memory) {
    float[] now = hiddenWeights();
    double[] then = memory.vector(WEIGHTS, now.length);
    for (int i = 0; i < then.length; i++) {
      state.parameters().values().put(i, (float) then[i]);
    }
    features.recomputeTraining();
    if (!Arrays.equals(numbers(features.sha256()), memory.vector(SHA256, SHA256_BYTES))) {
      throw new IllegalArgumentException(
          "the weights that were certified give other features here, with other bits: another kind of processor, or other libraries");
    }
    certified =
        Optional.of(
            certified(
                memory.has(SIGMA_MAX)
                    ? OptionalDouble.of(memory.number(SIGMA_MAX))
                    : OptionalDouble.empty()));
    state.parameters().values().put(0, now);
    features.recomputeTraining();
  }

  private static double[] numbers(ByteString bytes) {
    double[] numbers = new double[bytes.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = bytes.byteAt(i);
    }
    return numbers;
  }

  /**
   * Φ₀ with what it takes to compute it again.
   *
   * @param sigmaMaxUpperBound the proven upper bound on ‖Φ₀‖₂, if there is one
   * @param weights the hidden layers' parameters
   */
  private record Certified(
      CarryOver features, OptionalDouble sigmaMaxUpperBound, float[] weights, ByteString sha256) {

    void remember(Map<String, double[]> numbers) {
      double[] widened = new double[weights.length];
      for (int i = 0; i < widened.length; i++) {
        widened[i] = weights[i];
      }
      numbers.put(WEIGHTS, widened);
      numbers.put(SHA256, RankPreservingPhase.numbers(sha256));
      sigmaMaxUpperBound.ifPresent(bound -> numbers.put(SIGMA_MAX, new double[] {bound}));
    }

    void close() {
      features.close();
    }
  }

  @Override
  public void close() {
    closeCertified();
    output.close();
  }
}

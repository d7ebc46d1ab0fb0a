package io.fullrank.network.phase;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.state.MiniBatches;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.StepSchedule;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Two rows e₁ and e₂, a layer of two ReLUs with weights [1 ½; ½ 1] and bias 0, V = [1 0; 0 1; 0 0],
 * squared loss, and the label of each row the class that the other has the larger output for.
 *
 * <p>Φ = [1 ½ 1; ½ 1 1], ΦΦᵀ = [2¼ 2; 2 2¼], σ_min = ½: hidden layers may move by ¼. The residuals
 * are (1, −½) and (−½, 1), the loss is (5/4 + 5/4)/4 = 0.625, and the gradient is half the
 * residuals in the weights and (¼, ¼) in the bias. A step of size η changes Φ by −¾η in two
 * entries, so by ¾√2·η ≈ 1.06η, and the loss to ((1 − ¾η)² + ¼)/2 as long as η &lt; 4/3.
 */
class RankPreservingPhaseTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final double SIGMA_MIN = 0.5;

  private TrainingState state;
  private PhaseTwoFeatures features;
  private RankPreservingPhase phase;

  /** With hidden steps of size η, and steps of the output layer too short to change a float. */
  private void open(double eta) {
    open(eta, 1, 1, 0);
  }

  /** The same with V = [v 0; 0 v; 0 0] and other labels. */
  private void open(double eta, float v, int... labels) {
    Samples samples = Samples.of(2, new float[] {1, 0, 0, 1}, labels);
    DataSet data =
        new DataSet(
            DataSetIdentity.newBuilder().setName("test").setInputs(2).setClasses(2).build(),
            samples,
            samples);
    Network network =
        Network.of(
            NetworkSpec.newBuilder()
                .setFullyConnected(
                    FullyConnected.newBuilder()
                        .addWidths(2)
                        .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance())))
                .build(),
            ImageShape.vector(2),
            2);
    Parameters parameters = Parameters.zeros(network.layout());
    parameters.values().put(0, new float[] {1, 0.5f, 0.5f, 1, 0, 0, v, 0, 0, v, 0, 0});
    AlgorithmSpec descent =
        AlgorithmSpec.newBuilder()
            .setGradientDescent(
                GradientDescent.newBuilder()
                    .setLearningRate(eta)
                    .setSchedule(
                        LearningRateSchedule.newBuilder()
                            .setStep(StepSchedule.newBuilder().setEveryEpochs(1).setFactor(1e-30))))
            .build();
    state =
        new TrainingState(
            network,
            LossFunction.of(Loss.LOSS_SQUARED),
            data,
            2,
            parameters,
            Parameters.zeros(network.layout()),
            BaseAlgorithm.of(descent, network.layout(), 1, 10),
            new MiniBatches(2, 2, 1));
    features = new PhaseTwoFeatures(state, new OpenBlas(1));
    phase = new RankPreservingPhase(state, features, new BaseUpdatesPhase(state, features), 0, 1);
  }

  @AfterEach
  void close() {
    phase.close();
  }

  @Test
  void aStepThatLeavesTheRadiusIsShortenedUntilItDoesNot() throws Exception {
    open(1);
    Guarantee stated = phase.begin(certified(SIGMA_MIN), TIMEOUT);
    assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(stated.hasLossBound()).isFalse();
    assertThat(phase.wantsVerdict()).isFalse();

    phase.step(1);

    // 1 and ½ would move Φ by 1.06 and 0.53, further than ¼; ⅛ moves it by 0.133.
    assertHidden(0.9375f, 0.53125f, 0.53125f, 0.9375f, -0.03125f, -0.03125f);
    assertThat(features.train().features().get(0, 0)).isEqualTo(0.90625);
    assertThat(features.test().features().get(1, 1)).isEqualTo(0.90625);
    assertThat(phase.evaluateTraining(1).loss())
        .isCloseTo((0.90625 * 0.90625 + 0.25) / 2, within(1e-15));
    assertThat(phase.gradients()).hasSize(4);
    assertThat(phase.gradientNorms()).hasSize(2);
    // More than half of the radius: what is left of σ_min is 0.367 of 0.5.
    assertThat(phase.wantsVerdict()).isTrue();
    assertThat(phase.conclude(stated).getText())
        .endsWith(
            "Hidden layers moved after 1 of 1 epochs, on 1 certificates; the smallest singular value is at least 0.3674 at the end.");
  }

  @Test
  void stepsGrowWhileTheyFitAndTheDistanceIsThatToTheCertifiedFeatures() throws Exception {
    open(0.03125);
    phase.begin(certified(SIGMA_MIN), TIMEOUT);

    phase.step(1);
    assertThat(features.train().features().get(0, 0)).isEqualTo(1 - 0.75 * 0.03125);
    assertThat(phase.wantsVerdict()).isFalse();
    phase.step(2);

    double once = 1 - 0.75 * 0.03125;
    // Twice as long, by the gradient of there: ½·(once, −½) in the weights and the mean in the
    // bias.
    double twice = once - 2 * 0.03125 * (once - 0.25);
    assertThat(features.train().features().get(0, 0)).isCloseTo(twice, within(1e-7));
    // 0.0974 from the certified features, less than half of ¼.
    assertThat(phase.wantsVerdict()).isFalse();
  }

  /**
   * Here the residuals are (−½, ¼) and (¼, −½), and a step of size η changes them to −½ + 3η/32 and
   * ¼: 16 is too far, 8 is not. The radius is no obstacle.
   */
  @Test
  void aStepThatWouldRaiseTheLossIsShortened() throws Exception {
    open(16, 0.5f, 0, 1);
    phase.begin(certified(100), TIMEOUT);

    phase.step(1);

    assertThat(features.train().features().get(0, 0)).isEqualTo(2.5);
    assertThat(phase.evaluateTraining(1).loss()).isEqualTo((0.0625 + 0.0625) / 2);
  }

  @Test
  void aRadiusTooSmallForAnyTrialLeavesEverythingAsItWas() throws Exception {
    open(1);
    var sha256 = features.sha256();
    phase.begin(certified(1e-6), TIMEOUT);
    double sigmaMax = features.sigmaMax();

    phase.step(1);

    assertHidden(1, 0.5f, 0.5f, 1, 0, 0);
    assertThat(features.sha256()).isEqualTo(sha256);
    assertThat(features.sigmaMax()).isEqualTo(sigmaMax);
    assertThat(phase.wantsVerdict()).isFalse();
  }

  @Test
  void aNewCertificateGivesANewRadius() throws Exception {
    open(1);
    Guarantee stated = phase.begin(certified(SIGMA_MIN), TIMEOUT);
    phase.step(1);

    assertThat(phase.renew(stated, 1, certified(0.45), TIMEOUT)).isEqualTo(stated);

    assertThat(phase.wantsVerdict()).isFalse();
    phase.step(2);
    assertThat(features.train().features().get(0, 0)).isLessThan(0.90625);
    assertThat(phase.conclude(stated).getText()).contains("2 of 2 epochs, on 2 certificates");
  }

  @Test
  void withoutANewCertificateTheHiddenLayersStayAndTheLimitStands() throws Exception {
    open(1);
    Guarantee stated = phase.begin(certified(SIGMA_MIN), TIMEOUT);
    phase.step(1);

    Guarantee renewed = phase.renew(stated, 1, Optional.empty(), TIMEOUT);

    assertThat(renewed.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(renewed.getText())
        .isEqualTo(
            stated.getText()
                + " From step 1 on the hidden layers stay where they are: no verdict on the witness came within 2.0 s.");
    assertThat(phase.wantsVerdict()).isFalse();
    phase.step(2);
    assertHidden(0.9375f, 0.53125f, 0.53125f, 0.9375f, -0.03125f, -0.03125f);
    assertThat(phase.gradients()).hasSize(2);
  }

  private void assertHidden(float... expected) {
    float[] hidden = new float[6];
    state.parameters().values().get(0, hidden);
    assertThat(hidden).containsExactly(expected);
  }

  /** A verdict on the features as they are. */
  private Optional<Verdict> certified(double sigmaMin) {
    return Optional.of(
        Verdict.newBuilder()
            .setFeaturesSha256(features.sha256())
            .setCertificate(
                Certificate.newBuilder()
                    .setOutcome(Outcome.OUTCOME_CERTIFIED)
                    .setRows(2)
                    .setColumns(3)
                    .setSigmaMinLowerBound(sigmaMin))
            .build());
  }
}

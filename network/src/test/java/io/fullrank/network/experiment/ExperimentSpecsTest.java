package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.TextFormat;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Loss;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Specifications as they come over gRPC, where every field may be absent or hold any number. */
class ExperimentSpecsTest {

  private static final ImageShape SHAPE = new ImageShape(1, 16, 16);

  private static final String VALID =
      """
      name: "x"
      data_set { name: "semeion" train_size: 1000 }
      network { fully_connected { widths: 64 widths: 1280 activation { softplus { sharpness: 100 } } } }
      loss: LOSS_SQUARED
      algorithm { sgd { batch_size: 64 learning_rate: 0.1 schedule { constant {} } } }
      epochs: 40
      two_phase { switch_fraction: 0.6 solver: PHASE_TWO_SOLVER_BASE verdict_timeout { seconds: 60 } }
      variants: VARIANT_TWO_PHASE
      seeds: 18446744073709551615
      snapshots { every_steps: 10 weights: true }
      equivalence_margin: 0.005
      """;

  @Test
  void acceptsAValidSpecification() {
    assertThatCode(() -> ExperimentSpecs.validate(parse(VALID))).doesNotThrowAnyException();
  }

  @Test
  void aBaseRunNeedsNoTwoPhaseSection() {
    ExperimentSpec spec =
        parse(VALID.replace("VARIANT_TWO_PHASE", "VARIANT_BASE")).toBuilder()
            .clearTwoPhase()
            .build();
    assertThatCode(() -> ExperimentSpecs.validate(spec)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          name: "x"                        | ``                           | name                                     | '' must be 1 to 63 of a-z, 0-9 and '-', starting with a letter
          name: "semeion"                  | ``                           | dataset.name                             | unknown data set ''; known are strokes, semeion, mnist, kmnist, fashion-mnist, cifar-10, cifar-100, svhn
          train_size: 1000                 | ``                           | dataset.train                            | missing; semeion has no test rows of its own, so the experiment must say how many to train on
          train_size: 1000                 | train_size: 1 directory: "a\\000b" | dataset.directory                  | 'a?b' is not the name of a folder
          widths: 64 widths: 1280          | ``                           | network.widths                           | must have 1 to 100 hidden layers, got 0
          widths: 64                       | widths: 4294967295           | network.widths[0]                        | must be 1 to 1000000, got 4294967295
          activation { softplus { sharpness: 100 } } | ``                 | network.activation                       | must be softplus, tanh, sigmoid, swish, gelu or relu
          sharpness: 100                   | sharpness: nan               | network.activation.softplus.sharpness    | must be a number above 0, got NaN
          loss: LOSS_SQUARED               | ``                           | loss                                     | must be cross-entropy or squared
          batch_size: 64                   | ``                           | algorithm.sgd.batch-size                 | must be 1 to 2147483647, got 0
          learning_rate: 0.1               | learning_rate: inf           | algorithm.sgd.learning-rate              | must be a number above 0, got Infinity
          learning_rate: 0.1               | learning_rate: 1 momentum: nan | algorithm.sgd.momentum                 | must be at least 0 and less than 1, got NaN
          learning_rate: 0.1               | learning_rate: 1 weight_decay: -inf | algorithm.sgd.weight-decay        | must be a number of 0 or more, got -Infinity
          schedule { constant {} }         | ``                           | algorithm.sgd.schedule                   | must be constant, step or cosine
          constant {}                      | step { every_epochs: 1 factor: nan } | algorithm.sgd.schedule.step.factor | must be more than 0 and at most 1, got NaN
          epochs: 40                       | epochs: 4294967295           | epochs                                   | must be 1 to 1000000, got 4294967295
          switch_fraction: 0.6             | switch_fraction: nan         | two-phase.switch-fraction                | must be between 0 and 1, got NaN
          solver: PHASE_TWO_SOLVER_BASE    | ``                           | two-phase.solver                         | must be base, gradient-descent, nesterov or minimum-norm
          solver: PHASE_TWO_SOLVER_BASE    | solver: PHASE_TWO_SOLVER_BASE hidden: 7 | two-phase.hidden              | must be frozen or rank-preserving
          seconds: 60                      | seconds: -60                 | two-phase.verdict-timeout                | must be more than 0s and less than 86400s, got -60s and 0ns
          seconds: 60                      | seconds: 1 nanos: -1         | two-phase.verdict-timeout                | must be more than 0s and less than 86400s, got 1s and -1ns
          seconds: 60                      | nanos: 2000000000            | two-phase.verdict-timeout                | must be more than 0s and less than 86400s, got 0s and 2000000000ns
          variants: VARIANT_TWO_PHASE      | ``                           | variants                                 | is empty; list base, two-phase or both
          variants: VARIANT_TWO_PHASE      | variants: VARIANT_UNSPECIFIED | variants[0]                             | must be base or two-phase
          seeds: 18446744073709551615      | ``                           | seeds                                    | must list 1 to 1000 seeds, got 0
          seeds: 18446744073709551615      | seeds: 18446744073709551615 seeds: 18446744073709551615 | seeds[1]      | 18446744073709551615 is listed twice; keep one
          every_steps: 10                  | ``                           | snapshots                                | set every-steps or every-epochs
          weights: true                    | ``                           | snapshots                                | weights and gradients are both false: nothing to publish; set one to true
          equivalence_margin: 0.005        | equivalence_margin: nan      | comparison.equivalence-margin            | must be between 0 and 1, a fraction of the test rows, got NaN
          """)
  void namesTheFieldThatIsWrong(String part, String instead, String field, String problem) {
    assertThat(VALID).contains(part);
    ExperimentSpec spec = parse(VALID.replace(part, instead));
    assertThatThrownBy(() -> ExperimentSpecs.validate(spec))
        .isInstanceOfSatisfying(
            InvalidExperimentException.class,
            e -> {
              assertThat(e.field()).isEqualTo(field);
              assertThat(e.problem()).isEqualTo(problem);
              assertThat(e).hasMessage(field + ": " + problem);
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          sgd { batch_size: 64 learning_rate: 0.1 nesterov: true schedule { constant {} } }                                  | algorithm.sgd.nesterov               | looks ahead along the momentum, which is 0; set momentum above 0, or nesterov to false
          sgd { batch_size: 64 learning_rate: 0.1 schedule { constant {} warm_up_epochs: 41 } }                              | algorithm.sgd.warm-up-epochs         | must be at most the 40 epochs there are, got 41
          sgd { batch_size: 64 learning_rate: 0.1 schedule { constant {} warm_up_epochs: 4294967295 } }                      | algorithm.sgd.warm-up-epochs         | must be at most the 40 epochs there are, got 4294967295
          adam { learning_rate: 0.1 epsilon: 1e-8 schedule { constant {} } }                                                 | algorithm.adam.batch-size            | must be 1 to 2147483647, got 0
          adam { batch_size: 64 learning_rate: 0.1 beta1: 1 epsilon: 1e-8 schedule { constant {} } }                         | algorithm.adam.beta1                 | must be at least 0 and less than 1, got 1.0
          adam_w { batch_size: 64 learning_rate: 0.1 beta2: nan epsilon: 1e-8 schedule { constant {} } }                     | algorithm.adamw.beta2                | must be at least 0 and less than 1, got NaN
          adam_w { batch_size: 64 learning_rate: 0.1 epsilon: 1e-50 schedule { constant {} } }                               | algorithm.adamw.epsilon              | must be a number of 1.2E-38 or more, got 1.0E-50
          adam_w { batch_size: 64 learning_rate: 0.1 epsilon: 1e-8 }                                                         | algorithm.adamw.schedule             | must be constant, step or cosine
          rmsprop { batch_size: 64 epsilon: 1e-8 schedule { constant {} } }                                                  | algorithm.rmsprop.learning-rate      | must be a number above 0, got 0.0
          rmsprop { batch_size: 64 learning_rate: 0.1 alpha: -0.1 epsilon: 1e-8 schedule { constant {} } }                   | algorithm.rmsprop.alpha              | must be at least 0 and less than 1, got -0.1
          rmsprop { batch_size: 64 learning_rate: 0.1 momentum: 2 epsilon: 1e-8 schedule { constant {} } }                   | algorithm.rmsprop.momentum           | must be at least 0 and less than 1, got 2.0
          gradient_descent { learning_rate: 0.1 weight_decay: -1 schedule { constant {} } }                                  | algorithm.gradient-descent.weight-decay | must be a number of 0 or more, got -1.0
          gradient_descent { learning_rate: 0.1 schedule { step { every_epochs: 0 factor: 1 } } }                            | algorithm.gradient-descent.schedule.step.every-epochs | must be 1 to 1000000, got 0
          """)
  void namesTheParameterOfAnAlgorithm(String algorithm, String field, String problem) {
    ExperimentSpec spec =
        parse(
            VALID.replace(
                "sgd { batch_size: 64 learning_rate: 0.1 schedule { constant {} } }", algorithm));
    assertThatThrownBy(() -> ExperimentSpecs.validate(spec))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessage(field + ": " + problem);
  }

  @Test
  void minimumNormIsForTheSquaredLoss() {
    ExperimentSpec squared =
        parse(VALID.replace("PHASE_TWO_SOLVER_BASE", "PHASE_TWO_SOLVER_MINIMUM_NORM"));
    assertThatCode(() -> ExperimentSpecs.validate(squared)).doesNotThrowAnyException();
    assertInvalid(squared.toBuilder().setLoss(Loss.LOSS_CROSS_ENTROPY), "two-phase.solver");
  }

  @Test
  void namesAMissingSection() {
    ExperimentSpec.Builder spec = parse(VALID).toBuilder();
    assertInvalid(spec.clone().clearDataSet(), "dataset.name");
    assertInvalid(spec.clone().clearNetwork(), "network.type");
    assertInvalid(spec.clone().clearAlgorithm(), "algorithm");
    assertInvalid(spec.clone().clearTwoPhase(), "two-phase");
    assertInvalid(spec.clone().clearSnapshots(), "snapshots");
    assertInvalid(spec.clone().setLossValue(99), "loss");
    assertInvalid(spec.clone().addVariantsValue(99), "variants[1]");
    assertInvalid(ExperimentSpec.newBuilder(), "name");
  }

  @Test
  void keepsMessagesShort() {
    ExperimentSpec.Builder spec = parse(VALID).toBuilder().setName("a".repeat(1_000_000));
    assertThatThrownBy(() -> ExperimentSpecs.validate(spec.build())).message().hasSizeLessThan(500);
  }

  @Test
  void warnsOfAWidthThatCannotReachTheRows() {
    ExperimentSpec spec = parse(VALID.replace("widths: 1280", "widths: 64"));
    assertThat(ExperimentSpecs.warnings(spec, SHAPE, 1000))
        .containsExactly(
            "the last hidden layer is 64 wide; with the bias that is 65 columns for 1000 rows: "
                + "the expressivity condition cannot hold (needs width ≥ 999)");
    assertThat(ExperimentSpecs.warnings(spec, SHAPE, 66)).hasSize(1);
    assertThat(ExperimentSpecs.warnings(spec, SHAPE, 65)).isEmpty();
  }

  @Test
  void warnsOfTooFewFeaturesOfEveryArchitecture() {
    String network =
        "fully_connected { widths: 64 widths: 1280 activation { softplus { sharpness: 100 } } }";
    assertThat(VALID).contains(network);
    ExperimentSpec wide =
        parse(VALID.replace(network, "residual { stages { channels: 8 } wide: 99 }"));
    ExperimentSpec pooled =
        parse(
            VALID.replace(network, "residual { stages { channels: 8 } stages { channels: 32 } }"));
    ExperimentSpec pictures =
        parse(VALID.replace(network, "du { form: DU_FORM_CONVOLUTIONAL_RESIDUAL width: 3 }"));
    ExperimentSpec vectors =
        parse(VALID.replace(network, "du { form: DU_FORM_RESIDUAL width: 70 }"));
    assertThat(ExperimentSpecs.warnings(wide, SHAPE, 101)).hasSize(1);
    assertThat(ExperimentSpecs.warnings(wide, SHAPE, 100)).isEmpty();
    assertThat(ExperimentSpecs.warnings(pooled, SHAPE, 64).get(0)).contains("is 32 wide");
    assertThat(ExperimentSpecs.warnings(pictures, SHAPE, 770).get(0)).contains("is 768 wide");
    assertThat(ExperimentSpecs.warnings(pictures, SHAPE, 769)).isEmpty();
    assertThat(ExperimentSpecs.warnings(vectors, SHAPE, 72).get(0)).contains("is 70 wide");
  }

  @Test
  void warnsThatReluIsNotAnalytic() {
    ExperimentSpec spec = parse(VALID.replace("softplus { sharpness: 100 }", "relu {}"));
    assertThatCode(() -> ExperimentSpecs.validate(spec)).doesNotThrowAnyException();
    assertThat(ExperimentSpecs.warnings(spec, SHAPE, 1000))
        .singleElement()
        .asString()
        .startsWith(
            "relu is not real-analytic: a certificate is about the weights it was made for alone");
  }

  @Test
  void warnsOfABatchLargerThanTheData() {
    assertThat(ExperimentSpecs.warnings(parse(VALID), SHAPE, 63))
        .containsExactly(
            "the batch size is 64, but there are 63 training rows: every step uses all of them");
    assertThat(ExperimentSpecs.warnings(parse(VALID), SHAPE, 64)).isEmpty();
  }

  private static void assertInvalid(ExperimentSpec.Builder spec, String field) {
    assertThatThrownBy(() -> ExperimentSpecs.validate(spec.build()))
        .isInstanceOfSatisfying(
            InvalidExperimentException.class, e -> assertThat(e.field()).isEqualTo(field));
  }

  private static ExperimentSpec parse(String text) {
    try {
      return TextFormat.parse(text, ExperimentSpec.class);
    } catch (TextFormat.ParseException e) {
      throw new IllegalArgumentException(text, e);
    }
  }
}

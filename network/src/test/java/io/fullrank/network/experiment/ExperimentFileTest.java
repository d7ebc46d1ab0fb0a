package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.TextFormat;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.TangentKernelParameters;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Cases are files: {@code valid-*.yaml} with the specification they mean in {@code valid-*.txtpb},
 * and {@code invalid-*.yaml} whose first line is a comment with line and message of the error.
 */
class ExperimentFileTest {

  @TempDir Path folder;

  static Stream<Path> valid() throws Exception {
    return yamlFiles(resource("valid-minimal.yaml").getParent(), "valid-");
  }

  static Stream<Path> invalid() throws Exception {
    return yamlFiles(resource("valid-minimal.yaml").getParent(), "invalid-");
  }

  @ParameterizedTest
  @MethodSource
  void valid(Path yaml) throws IOException {
    String expected = Files.readString(Path.of(yaml.toString().replace(".yaml", ".txtpb")));
    assertThat(ExperimentFile.read(yaml))
        .isEqualTo(TextFormat.parse(expected, ExperimentSpec.class));
  }

  @ParameterizedTest
  @MethodSource
  void invalid(Path yaml) throws IOException {
    String expected = Files.readAllLines(yaml).get(0).substring(2);
    assertThatThrownBy(() -> ExperimentFile.read(yaml))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessage(yaml + ":" + expected);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void whatIsWrittenIsRead(long seed) throws IOException {
    Random random = new Random(seed);
    List<Integer> widths = random.ints(1 + random.nextInt(5), 1, 3000).boxed().toList();
    List<Long> seeds = random.longs(4, 0, Long.MAX_VALUE).boxed().toList();
    double rate = Math.exp(10 * random.nextGaussian());
    double noise = random.nextDouble() / 1e6;
    int every = 1 + random.nextInt(100);
    Path file = folder.resolve("x.yaml");
    Files.writeString(
        file,
        """
        name: x
        dataset: {name: strokes, train: %d}
        network: {type: fully-connected, widths: %s}
        algorithm: {sgd: {learning-rate: %s}}
        epochs: 1
        two-phase: {noise: %s}
        seeds: %s
        snapshots: {every-steps: %d}
        """
            .formatted(every, widths, rate, noise, seeds, every));
    ExperimentSpec spec = ExperimentFile.read(file);
    assertThat(spec.getDataSet().getTrainSize()).isEqualTo(every);
    assertThat(spec.getNetwork().getFullyConnected().getWidthsList()).isEqualTo(widths);
    assertThat(spec.getAlgorithm().getSgd().getLearningRate()).isEqualTo(rate);
    assertThat(spec.getTwoPhase().getNoise()).isEqualTo(noise);
    assertThat(spec.getSeedsList()).isEqualTo(seeds);
    assertThat(spec.getSnapshots().getEverySteps()).isEqualTo(every);
  }

  @Test
  void overridesReplaceWhatTheFileSays() throws Exception {
    ExperimentSpec spec =
        ExperimentFile.read(
            resource("valid-everything.yaml"),
            List.of(
                "epochs=5",
                "seeds=[1, 2]",
                "two-phase.solver=base",
                "algorithm.sgd.schedule={step: {every-epochs: 2, factor: 0.5}}",
                "algorithm.sgd.schedule.step.factor=0.25",
                "epochs=6"));
    assertThat(spec.getEpochs()).isEqualTo(6);
    assertThat(spec.getSeedsList()).containsExactly(1L, 2L);
    assertThat(spec.getTwoPhase().getSolver()).isEqualTo(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE);
    assertThat(spec.getTwoPhase().getSwitchFraction()).isEqualTo(0.25);
    assertThat(spec.getAlgorithm().getSgd().getSchedule().getStep().getEveryEpochs()).isEqualTo(2);
    assertThat(spec.getAlgorithm().getSgd().getSchedule().getStep().getFactor()).isEqualTo(0.25);
  }

  @Test
  void overridesSetWhatTheFileLeavesOut() throws Exception {
    ExperimentSpec spec =
        ExperimentFile.read(
            resource("valid-minimal.yaml"),
            List.of(
                "network.activation.softplus.sharpness=10", "comparison.equivalence-margin=1e-2"));
    assertThat(spec.getNetwork().getFullyConnected().getActivation().getSoftplus().getSharpness())
        .isEqualTo(10);
    assertThat(spec.getEquivalenceMargin()).isEqualTo(0.01);
  }

  @Test
  void checksHaveParameters() throws Exception {
    Path file = resource("valid-minimal.yaml");
    assertThat(ExperimentFile.read(file).hasChecks()).isFalse();
    assertThat(
            ExperimentFile.read(file, List.of("checks={expressivity: {exact: true}}"))
                .getChecks()
                .getExpressivity()
                .getExact())
        .isTrue();
    assertThat(
            ExperimentFile.read(file, List.of("checks={expressivity: {}}"))
                .getChecks()
                .getExpressivity()
                .getExact())
        .isFalse();
  }

  @Test
  void checksAreChosenByName() throws Exception {
    Checks checks =
        ExperimentFile.read(
                resource("valid-minimal.yaml"),
                List.of(
                    "checks={expressivity: {every-epochs: 3}, tangent-kernel: {layers: [hidden.1,"
                        + " output], examples: 100, every-epochs: 2}, collapse: {}, margins:"
                        + " {every-epochs: 4}, com.example.sparsity: {threshold: 1e-3, mode: \"no\","
                        + " every-epochs: 5}}"))
            .getChecks();

    assertThat(checks.getExpressivity().getEveryEpochs()).isEqualTo(3);
    assertThat(checks.getTangentKernel())
        .isEqualTo(
            TangentKernelParameters.newBuilder()
                .addLayers("hidden.1")
                .addLayers("output")
                .setExamples(100)
                .setEveryEpochs(2)
                .build());
    assertThat(checks.getNamedList())
        .containsExactly(
            NamedCheck.newBuilder().setName("collapse").build(),
            NamedCheck.newBuilder().setName("margins").setEveryEpochs(4).build(),
            NamedCheck.newBuilder()
                .setName("com.example.sparsity")
                .setEveryEpochs(5)
                .putParameters("threshold", "1e-3")
                .putParameters("mode", "no")
                .build());
  }

  @Test
  void rulesHaveConditionsActionsAndDefaults() throws Exception {
    Path file = resource("valid-minimal.yaml");
    assertThat(ExperimentFile.read(file).getRulesList()).isEmpty();
    assertThat(
            ExperimentFile.read(
                    file,
                    List.of(
                        "rules=[{when: certificate-lapsed, do: perturb},"
                            + " {when: certificate-lapsed, do: checkpoint},"
                            + " {when: loss-diverged, threshold: 3, do: stop},"
                            + " {when: rank-collapse, do: perturb, noise: 0.1}]"))
                .getRulesList())
        .containsExactly(
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
                .setAction(RuleAction.RULE_ACTION_PERTURB)
                .setNoise(1e-3)
                .build(),
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
                .setAction(RuleAction.RULE_ACTION_CHECKPOINT)
                .build(),
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_LOSS_DIVERGED)
                .setThreshold(3)
                .setAction(RuleAction.RULE_ACTION_STOP)
                .build(),
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
                .setAction(RuleAction.RULE_ACTION_PERTURB)
                .setNoise(0.1)
                .build());
  }

  @Test
  void overridesMendAnIncompleteFile() throws Exception {
    assertThat(
            ExperimentFile.read(resource("invalid-missing-epochs.yaml"), List.of("epochs=7"))
                .getEpochs())
        .isEqualTo(7);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          two-phase.solvr=base | two-phase.solvr: unknown key; did you mean 'solver'?
          epocs=5              | epocs: unknown key; did you mean 'epochs'?
          network.widths[0]=5  | a list is set as a whole, such as seeds=[1, 2]
          checks.expresivity={} | checks.expresivity: unknown key; did you mean 'expressivity'?
          checks.expressivity.exct=true | checks.expressivity.exct: unknown key; did you mean 'exact'?
          checks.expressivity.exact=1 | checks.expressivity.exact: expected true or false, got '1'
          checks=expressivity  | checks: expected a mapping with the keys expressivity, tangent-kernel, collapse, gradient-descent, margins, got 'expressivity'
          checks.nonsense={}   | checks.nonsense: unknown key; known are expressivity, tangent-kernel, collapse, gradient-descent, margins; the name of a check from outside Fullrank has a dot
          checks={tangent-kernel: {layers: hidden.1}} | checks.tangent-kernel.layers: expected a list such as [1, 2], got 'hidden.1'
          checks={tangent-kernel: {layers: ["", a]}} | checks.tangent-kernel.layers[0]: must be 1 to 100 characters
          checks={expressivity: {}, tangent-kernel: {layers: [hidden.9]}} | checks.tangent-kernel.layers: the network has no layer 'hidden.9' with weights; it has hidden.1, output
          checks={tangent-kernel: {}} | checks: phase 2 waits for what expressivity says of a witness; add expressivity: {}, or take two-phase out of variants
          checks={expressivity: {}, collapse: {tau: 1}} | checks.collapse.tau: unknown key; known are every-epochs
          checks={expressivity: {}, Com.example: {}} | checks.Com.example: the name of a check from outside Fullrank must be at most 100 characters: words of a-z, 0-9 and '-' with dots between them
          checks={expressivity: {}, com.example.x: {a: [1]}} | checks.com.example.x.a: expected a word, got a list
          rules={}             | rules: expected a list such as [1, 2], got a mapping
          rules=[{do: stop}]   | rules[0].when: missing; this key has no default
          rules=[{when: loss-diverged}] | rules[0].do: missing; this key has no default
          rules=[{when: los-diverged, do: stop}] | rules[0].when: unknown value 'los-diverged'; did you mean 'loss-diverged'?
          rules=[{when: loss-diverged, do: halt}] | rules[0].do: unknown value 'halt'; known are checkpoint, perturb, stop
          rules=[{when: loss-diverged, do: stop, threshold: 1}] | rules[0].threshold: must be a number above 1, got 1.0
          rules=[{when: rank-collapse, do: stop, threshold: 1}] | rules[0].threshold: must be more than 0 and less than 1, got 1.0
          rules=[{when: certificate-lapsed, do: stop, threshold: 2}] | rules[0].threshold: certificate-lapsed compares with nothing; leave the key out
          rules=[{when: loss-diverged, do: stop, noise: 1}] | rules[0].noise: stop adds no noise; leave the key out
          rules=[{when: loss-diverged, do: perturb, noise: 0}] | rules[0].noise: must be a number above 0, got 0.0
          rules=[{when: guarantee-violated, do: perturb}] | rules[0].do: perturb acts in phase 1, but a guarantee is about the end of phase 2; use stop or checkpoint
          rules=[{when: loss-diverged, do: stop}, {when: loss-diverged, do: stop, threshold: 2}] | rules[1]: has the condition and action of rules[0]; keep one
          epochs.x=5           | epochs: expected a whole number, got a mapping
          epochs=0             | epochs: must be 1 to 1000000, got 0
          epochs=              | epochs: expected a whole number, got no value
          seeds=[4,4]          | seeds[1]: 4 is listed twice; keep one
          seeds=[1,            | not YAML: expected the node content, but found '<stream end>'
          network.widths=64    | network.widths: expected a list such as [1, 2], got '64'
          epochs               | expected key.path=value, such as epochs=5
          =5                   | expected key.path=value, such as epochs=5
          """)
  void wrongOverridesAreNamed(String override, String message) throws Exception {
    Path file = resource("valid-minimal.yaml");
    assertThatThrownBy(() -> ExperimentFile.read(file, List.of(override)))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessage("--set " + override + ": " + message);
  }

  @Test
  void filesThatCannotBeReadAreNamed() throws IOException {
    assertFails(folder.resolve("nowhere.yaml"), ": no such file");
    assertFails(folder, ": a folder; name the file in it");
    Path file = folder.resolve("x.yaml");
    Files.write(file, new byte[] {'a', (byte) 0xC3, (byte) 0x28});
    assertFails(file, ": not a text file in UTF-8");
    Files.write(file, new byte[(1 << 20) + 1]);
    assertFails(file, ": larger than 1 MiB: not an experiment file");
    Files.write(file, new byte[] {'a', ':', 1});
    assertFails(file, ": not YAML: special characters are not allowed");
    Files.writeString(file, "");
    assertThatThrownBy(() -> ExperimentFile.read(file))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessageStartingWith(file + ":1: expected a mapping with the keys name, ")
        .hasMessageEndingWith(", got no value");
  }

  @Test
  void deepNestingIsRefused() throws IOException {
    Path file = folder.resolve("x.yaml");
    Files.writeString(file, "[".repeat(100_000));
    assertThatThrownBy(() -> ExperimentFile.read(file))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessageContaining("not YAML: ")
        .message()
        .hasLineCount(1);
  }

  @Test
  void aByteOrderMarkIsAccepted() throws Exception {
    Path file = folder.resolve("x.yaml");
    Path minimal = resource("valid-minimal.yaml");
    Files.writeString(file, "\uFEFF" + Files.readString(minimal));
    assertThat(ExperimentFile.read(file)).isEqualTo(ExperimentFile.read(minimal));
  }

  private static void assertFails(Path file, String message) {
    assertThatThrownBy(() -> ExperimentFile.read(file))
        .isInstanceOf(InvalidExperimentException.class)
        .hasMessage(file + message);
  }

  private static Stream<Path> yamlFiles(Path folder, String prefix) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(prefix))
          .filter(file -> file.toString().endsWith(".yaml"))
          .sorted()
          .toList()
          .stream();
    }
  }

  private static Path resource(String name) throws URISyntaxException {
    return Path.of(ExperimentFileTest.class.getResource(name).toURI());
  }
}

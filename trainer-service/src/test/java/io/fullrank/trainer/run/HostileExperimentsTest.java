package io.fullrank.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.experiment.ExperimentSpecs;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.Variant;
import io.fullrank.testsupport.hostile.HostileInputs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Experiments, changed at random, as messages and as files. */
class HostileExperimentsTest {

  private static final Path GOLDEN = Path.of("../proto/src/test/resources/golden");
  private static final Path EXAMPLES = Path.of("../examples");

  @TempDir Path folder;

  @Test
  void submittedOnesAreTakenOrRefusedWithAReasonOfOneLine() throws IOException {
    List<byte[]> specs = new ArrayList<>();
    for (Path file : files(GOLDEN, "run_request-", ".binpb")) {
      RunRequest request = RunRequest.parseFrom(Files.readAllBytes(file));
      if (!request.getSpec().getNetwork().hasExternal() && isValid(request.getSpec())) {
        specs.add(request.getSpec().toByteArray());
      }
    }
    ExperimentSpec small = ExperimentFile.read(Path.of("src/test/resources/small.yaml"));
    specs.add(small.toByteArray());
    DataSet data = DataSets.load(small.getDataSet(), Path.of("src/test/resources"));
    MemoryLimits limits = new MemoryLimits(1 << 30, 4L << 30, 1 << 20, true);
    HostileInputs hostile =
        new HostileInputs(
            17,
            specs,
            Set.of(InvalidProtocolBufferException.class, InvalidExperimentException.class),
            8 << 20);

    HostileInputs.Outcome outcome =
        hostile.give(
            10_000,
            bytes -> {
              ExperimentSpec spec = ExperimentSpec.parseFrom(bytes);
              try {
                ExperimentSpecs.validate(spec);
              } catch (InvalidExperimentException refused) {
                assertThat(refused.getMessage()).isNotBlank().doesNotContain("\n");
                throw refused;
              }
              try {
                limits
                    .refusal(spec, Variant.VARIANT_TWO_PHASE, data)
                    .ifPresent(reason -> assertThat(reason).doesNotContain("\n"));
              } catch (IllegalArgumentException | ArithmeticException tooLarge) {
                // As the endpoint says it: a network that cannot be described.
                assertThat(tooLarge.getMessage()).isNotBlank();
              }
            });

    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }

  @Test
  void filesAreReadOrRefusedWithAReasonOfOneLine() throws IOException {
    List<byte[]> texts = new ArrayList<>();
    for (Path file : files(EXAMPLES, "", ".yaml")) {
      texts.add(Files.readAllBytes(file));
    }
    Path file = folder.resolve("experiment.yaml");
    HostileInputs hostile =
        new HostileInputs(17, texts, Set.of(InvalidExperimentException.class), 16 << 20);

    HostileInputs.Outcome outcome =
        hostile.give(
            4000,
            bytes -> {
              Files.write(file, bytes);
              try {
                ExperimentSpec unused = ExperimentFile.read(file);
              } catch (InvalidExperimentException refused) {
                assertThat(refused.getMessage()).isNotBlank();
                throw refused;
              }
            });

    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }

  private static boolean isValid(ExperimentSpec spec) {
    try {
      ExperimentSpecs.validate(spec);
      return true;
    } catch (InvalidExperimentException older) {
      return false;
    }
  }

  private static List<Path> files(Path folder, String prefix, String ending) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(
              path ->
                  path.getFileName().toString().startsWith(prefix)
                      && path.getFileName().toString().endsWith(ending))
          .sorted()
          .toList();
    }
  }
}

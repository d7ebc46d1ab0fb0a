package io.fullrank.trainer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.tuple;

import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.CheckpointHeader;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TrainingPosition;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointFolderTest {

  private static final Tensor WEIGHTS =
      Tensors.of("parameters/w", new long[] {2, 3}, new float[] {1, -2, 3.5f, 0, -0f, 1e-40f});
  private static final Tensor LOOK_AHEAD =
      Tensors.of("phase/look-ahead", new long[] {2}, new double[] {Math.PI, Double.MIN_VALUE});

  @TempDir Path temporary;
  private CheckpointFolder folder;

  @BeforeEach
  void notYetMade() {
    folder = new CheckpointFolder(temporary.resolve("a/b"));
  }

  @Test
  void readsWhatItWrote() throws Exception {
    long bytes = folder.write(checkpoint("run", 7, 40));

    assertThat(folder.of("run"))
        .singleElement()
        .satisfies(
            file -> {
              assertThat(file.read()).isEqualTo(checkpoint("run", 7, 40));
              assertThat(file.step()).isEqualTo(40);
              assertThat(file.attempt()).isEqualTo(7);
              assertThat(file.path()).hasSize(bytes);
            });
    assertThat(names()).containsExactly("run@7@40.checkpoint");
  }

  @Test
  void hasNoneBeforeTheFirst() throws Exception {
    assertThat(folder.of("run")).isEmpty();
    folder.delete("run");
    assertThat(folder.path()).doesNotExist();
  }

  @Test
  void keepsTheLastTwo() throws Exception {
    for (long step : new long[] {9, 10, 100, 1000}) {
      folder.write(checkpoint("run", 7, step));
    }
    assertThat(folder.of("run")).extracting(CheckpointFile::step).containsExactly(1000L, 100L);
    assertThat(names()).hasSize(2);
  }

  @Test
  void whatATrainerWritesThatHasLostTheRunCountsLess() throws Exception {
    folder.write(checkpoint("run", 7, 40));
    CheckpointFile claimed = folder.of("run").get(0).claim(8);
    folder.write(checkpoint("run", 7, 90));

    assertThat(folder.of("run"))
        .extracting(CheckpointFile::attempt, CheckpointFile::step)
        .containsExactly(tuple(8L, 40L), tuple(7L, 90L));
    assertThat(claimed.read().step()).isEqualTo(40);
    folder.write(checkpoint("run", 8, 60));
    assertThat(folder.of("run")).extracting(CheckpointFile::step).containsExactly(60L, 40L);
  }

  /** A run's name is anything that someone puts on the topic. */
  @ParameterizedTest
  @ValueSource(strings = {"..", "../x", "/etc/x", "a@1@2.checkpoint", "a b", "ä%2F", "x.base.1"})
  void everyRunHasItsOwnFiles(String run) throws Exception {
    folder.write(checkpoint(run, 1, 1));
    folder.write(checkpoint("a", 1, 1));
    folder.write(checkpoint("x.base.11", 1, 1));

    assertThat(folder.of(run)).singleElement().returns(checkpoint(run, 1, 1), CheckpointFile::read);
    assertThat(names()).hasSize(3);
    folder.delete(run);
    assertThat(names()).containsExactlyInAnyOrder("a@1@1.checkpoint", "x.base.11@1@1.checkpoint");
  }

  @Test
  void deletesWhatWasNeverFinished() throws Exception {
    folder.write(checkpoint("run", 7, 40));
    Files.createFile(folder.path().resolve("run@7@50.checkpoint.unfinished"));
    assertThat(folder.of("run")).extracting(CheckpointFile::step).containsExactly(40L);
    folder.delete("run");
    assertThat(names()).isEmpty();
  }

  @Test
  void leavesNothingWhereItCannotWrite() throws Exception {
    folder.write(checkpoint("run", 7, 40));
    // A folder in its place cannot be replaced by a file.
    Files.createDirectories(folder.path().resolve("run@7@50.checkpoint/full"));

    assertThatIOException().isThrownBy(() -> folder.write(checkpoint("run", 7, 50)));

    assertThat(names()).containsExactlyInAnyOrder("run@7@40.checkpoint", "run@7@50.checkpoint");
  }

  @Test
  void namesEveryCutAndEveryChangedByte() throws Exception {
    folder.write(checkpoint("run", 7, 40));
    Path path = folder.of("run").get(0).path();
    byte[] whole = Files.readAllBytes(path);
    for (int length = 0; length < whole.length; length++) {
      Files.write(path, Arrays.copyOf(whole, length));
      assertRefused("truncated|no checkpoint|ends within");
    }
    for (int i = 0; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] ^= 0x10;
      Files.write(path, changed);
      assertRefused("damaged|no checkpoint");
    }
    Files.write(path, Arrays.copyOf(whole, whole.length + 1));
    assertRefused("damaged");
  }

  @Test
  void namesForeignFiles() throws Exception {
    folder.write(checkpoint("run", 7, 40));
    Path path = folder.of("run").get(0).path();
    Files.writeString(path, "something else altogether, and long enough for a digest at its end");
    assertRefused("no checkpoint of this version");
    Files.writeString(path, "fullrank checkpoint 2\n" + "x".repeat(100), StandardCharsets.US_ASCII);
    assertRefused("no checkpoint of this version");
    Files.delete(path);
    Files.createDirectory(path);
    assertRefused("cannot be read");
  }

  private void assertRefused(String reason) throws IOException {
    CheckpointFile file = folder.of("run").get(0);
    assertThatExceptionOfType(UnusableCheckpointException.class)
        .isThrownBy(file::read)
        .withMessageMatching("it (is|ends|cannot)[^\\n]*")
        .extracting(Throwable::getMessage)
        .asString()
        .containsPattern(reason);
  }

  @Test
  void saysWhatIsAnotherRun() {
    RunHeader same = checkpoint("run", 7, 40).header().getRun();
    RunCheckpoint checkpoint = checkpoint("run", 7, 40);
    checkpoint.requireSameRun(same.toBuilder().setAttempt(8).setTrainer("another").build());

    assertRefused(checkpoint, same.toBuilder().setRun("other"), "of run 'run'");
    assertRefused(checkpoint, same.toBuilder().setSeed(2), "another experiment, variant or seed");
    assertRefused(
        checkpoint,
        same.toBuilder().setSpec(ExperimentSpec.newBuilder().setEpochs(3)),
        "another experiment, variant or seed");
    assertRefused(
        checkpoint,
        same.toBuilder().setDataSet(DataSetIdentity.newBuilder().setName("other")),
        "other training data");
    assertRefused(
        checkpoint,
        same.toBuilder().putVersions("openblas-kernel", "Haswell"),
        "written with openblas-kernel SkylakeX, here is Haswell: the bits may differ");
    assertRefused(
        checkpoint,
        same.toBuilder().putVersions("more", "1"),
        "written with more (none), here is 1");
  }

  private static void assertRefused(
      RunCheckpoint checkpoint, RunHeader.Builder attempt, String reason) {
    assertThatExceptionOfType(UnusableCheckpointException.class)
        .isThrownBy(() -> checkpoint.requireSameRun(attempt.build()))
        .withMessageContaining(reason);
  }

  private static RunCheckpoint checkpoint(String run, long attempt, long step) {
    return new RunCheckpoint(
        CheckpointHeader.newBuilder()
            .setRun(
                RunHeader.newBuilder()
                    .setRun(run)
                    .setAttempt(attempt)
                    .setSeed(1)
                    .setTrainer("one")
                    .putVersions("openblas-kernel", "SkylakeX"))
            .setPosition(TrainingPosition.newBuilder().setStep(step).setBatches(step))
            .setTensors(2)
            .build(),
        List.of(WEIGHTS, LOOK_AHEAD));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder.path())) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}

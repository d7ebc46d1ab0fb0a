package io.fullrank.trainer.checkpoint;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The checkpoints of runs in one folder. Trainers that share it take up each other's runs.
 *
 * @param path made when the first checkpoint is written
 */
public record CheckpointFolder(Path path) {

  /** Two, so that the older one can be used if the newer one is damaged. */
  private static final int KEPT = 2;

  private static final String KEPT_FOLDER = "kept";

  // A trainer that lost a run may still finish a file: it counts less than those of later attempts.
  private static final Comparator<CheckpointFile> NEWEST_FIRST =
      Comparator.comparing(CheckpointFile::attempt).thenComparing(CheckpointFile::step).reversed();

  /** A run's checkpoints, newest first; none if there is no folder. */
  public List<CheckpointFile> of(String run) throws IOException {
    return files(run).stream()
        .map(file -> CheckpointFile.at(file, run))
        .flatMap(Optional::stream)
        .sorted(NEWEST_FIRST)
        .toList();
  }

  /**
   * Writes a checkpoint and deletes the run's older ones but for the last.
   *
   * @return the file's bytes
   */
  long write(RunCheckpoint checkpoint) throws IOException {
    Files.createDirectories(path);
    String run = checkpoint.header().getRun().getRun();
    long attempt = checkpoint.header().getRun().getAttempt();
    long bytes = CheckpointFile.in(path, run, attempt, checkpoint.step()).write(checkpoint);
    for (CheckpointFile old : of(run).stream().skip(KEPT).toList()) {
      Files.deleteIfExists(old.path());
    }
    return bytes;
  }

  /** Writes a checkpoint to the folder of those that stay. */
  CheckpointFile keep(RunCheckpoint checkpoint) throws IOException {
    Path kept = Files.createDirectories(path.resolve(KEPT_FOLDER));
    CheckpointFile file =
        CheckpointFile.in(
            kept,
            checkpoint.header().getRun().getRun(),
            checkpoint.header().getRun().getAttempt(),
            checkpoint.step());
    file.write(checkpoint);
    return file;
  }

  /** Deletes all files of a run but those that stay. */
  void delete(String run) throws IOException {
    for (Path file : files(run)) {
      Files.deleteIfExists(file);
    }
  }

  private List<Path> files(String run) throws IOException {
    List<Path> files = new ArrayList<>();
    String prefix = CheckpointFile.prefix(run);
    try (DirectoryStream<Path> found =
        Files.newDirectoryStream(path, file -> file.getFileName().toString().startsWith(prefix))) {
      found.forEach(files::add);
    } catch (NoSuchFileException none) {
      return List.of();
    } catch (DirectoryIteratorException failed) {
      throw failed.getCause();
    }
    return files;
  }
}

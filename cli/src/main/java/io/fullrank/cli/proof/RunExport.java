package io.fullrank.cli.proof;

import com.google.protobuf.util.JsonFormat;
import io.fullrank.certificate.proof.NoProofException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.report.WholeFile;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.proto.v1.Snapshot;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A folder with what a third party needs to check a verdict about a run at one step: the features,
 * the proof that with a column of ones they have full row rank, and what the run said of itself,
 * its experiment and versions among it.
 */
public final class RunExport {

  private static final String FEATURES = "features.npy";
  private static final String PROOF = "features.proof";
  private static final String RUN = "run.json";

  private final Path folder;
  private final Environment environment;

  /**
   * Names a folder, which may not exist yet.
   *
   * @throws BadInputException if it has one of the files already, so that none is ever overwritten
   */
  public RunExport(Path folder, Environment environment) {
    for (String name : List.of(FEATURES, PROOF, RUN)) {
      if (Files.exists(folder.resolve(name))) {
        throw new BadInputException(
            "--out %s: %s is there already; name another folder".formatted(folder, name));
      }
    }
    this.folder = folder;
    this.environment = environment;
  }

  /**
   * Writes the files, all of them or none.
   *
   * @param snapshot of the run
   * @param data the folder of data sets, where the features have to be recomputed
   * @throws NoProofException if there is no proof
   * @throws BadInputException if the features cannot be had, or the folder cannot be written
   * @throws ExecutionFailedException if there is too little memory
   */
  public void write(Snapshot snapshot, Path data) {
    Path features = folder.resolve(FEATURES);
    try {
      Files.createDirectories(folder);
      WholeFile.write(features, out -> SnapshotFeatures.write(snapshot, data, out));
      try {
        new ProofFile(folder.resolve(PROOF), environment).make(features, Optional.empty(), true);
      } catch (RuntimeException failed) {
        Files.delete(features);
        throw failed;
      }
      Snapshot described =
          snapshot.toBuilder().clearWeights().clearGradients().clearFeatures().build();
      byte[] json = (JsonFormat.printer().print(described) + "\n").getBytes(StandardCharsets.UTF_8);
      WholeFile.write(folder.resolve(RUN), out -> out.write(json));
    } catch (IOException failed) {
      throw new BadInputException(
          "--out %s: cannot be written (%s)".formatted(folder, failed), failed);
    }
  }
}

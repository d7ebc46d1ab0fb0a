package io.fullrank.fuzz;

import com.google.common.hash.Hashing;
import com.google.common.primitives.Bytes;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.SafetensorsFile;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.proof.ProofVerifier;
import io.fullrank.certificate.proof.RefusedProofException;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Progress;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.playback.ReportFile;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.source.MnistFamily;
import io.fullrank.network.data.source.SemeionFile;
import io.fullrank.network.data.source.SvhnFile;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.experiment.ExperimentSpecs;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.SnapshotChunk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * What is fuzzed. Each reader reads its input, or refuses it by one of the types that it promises;
 * anything else is a finding.
 */
enum FuzzTarget {
  /** {@code .npy} files. */
  NPY(Set.of(InvalidMatrixFileException.class, InsufficientMemoryException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      try (Matrix matrix = NpyFile.read(write(folder, "matrix.npy", input), true)) {
        require(matrix.rows() > 0, "a matrix without rows");
      }
    }
  },

  /** {@code .safetensors} files. */
  SAFETENSORS(Set.of(InvalidMatrixFileException.class, InsufficientMemoryException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      Path file = write(folder, "tensors.safetensors", input);
      try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
        for (SafetensorsFile.Tensor tensor : tensors.tensors()) {
          if (tensor.isMatrix()) {
            tensors.read(tensor.name(), false).close();
          }
        }
      }
    }
  },

  /**
   * Proofs, but for the SHA-256 at their end, that a singular matrix has full row rank: to accept
   * one is the worst finding.
   */
  PROOF(Set.of(RefusedProofException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      byte[] proof = Bytes.concat(input, Hashing.sha256().hashBytes(input).asBytes());
      ProofVerifier.Verified verified =
          new ProofVerifier(1)
              .verify(
                  write(folder, "proof", proof),
                  NpyFile.open(write(folder, "singular.npy", Seeds.singularMatrix()), false),
                  Progress.NONE,
                  Cancellation.NEVER);
      throw new AssertionError("a singular matrix was found to have full row rank: " + verified);
    }
  },

  /** Recorded reports of clients. */
  REPORT(Set.of(BadInputException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      ReportFile unused = ReportFile.check(write(folder, "report", input), true);
    }
  },

  /** MATLAB files, as SVHN has them. */
  MAT(Set.of(DataSetException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      write(folder, SvhnFile.TRAIN, input);
      require(SvhnFile.open(folder, SvhnFile.TRAIN).rows() > 0, "a data set without rows");
    }
  },

  /** IDX files, as MNIST has them. */
  IDX(Set.of(DataSetException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      write(folder, "t10k-images-idx3-ubyte", input);
      write(folder, "t10k-labels-idx1-ubyte", Seeds.labels());
      require(MnistFamily.open(folder, "t10k").rows() > 0, "a data set without rows");
    }
  },

  /** The file of Semeion's digits. */
  SEMEION(Set.of(DataSetException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      require(
          SemeionFile.read(write(folder, "semeion.data", input)).rows() > 0,
          "a data set without rows");
    }
  },

  /** Experiments as people write them. */
  EXPERIMENT_FILE(Set.of(InvalidExperimentException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      ExperimentSpec read = ExperimentFile.read(write(folder, "experiment.yaml", input));
      // What a file may say a trainer accepts.
      ExperimentSpecs.validate(read);
    }
  },

  /** Experiments as clients submit them. */
  EXPERIMENT_MESSAGE(
      Set.of(InvalidExperimentException.class, InvalidProtocolBufferException.class)) {
    @Override
    void read(byte[] input, Path folder) throws IOException {
      ExperimentSpecs.validate(ExperimentSpec.parseFrom(input));
    }
  },

  /** Chunks of snapshots; what one leaves behind the next one finds. */
  SNAPSHOT_CHUNK(Set.of(WireFormatException.class, InvalidProtocolBufferException.class)) {

    private static final int MOST_BYTES = 1 << 20;

    private final SnapshotAssembler assembler = new SnapshotAssembler(Seeds.RUN, MOST_BYTES);

    @Override
    void read(byte[] input, Path folder) throws IOException, WireFormatException {
      SnapshotChunk chunk = SnapshotChunk.parseFrom(input);
      if (chunk.getRun().equals(Seeds.RUN)) {
        SnapshotAssembler.Step unused = assembler.accept(chunk);
        require(assembler.bytesHeld() <= MOST_BYTES, "more bytes are held than are allowed");
      }
    }
  };

  private final Set<Class<? extends Exception>> refusals;

  FuzzTarget(Set<Class<? extends Exception>> refusals) {
    this.refusals = refusals;
  }

  /** Reads an input, of which files may be made in a folder. */
  abstract void read(byte[] input, Path folder) throws Exception;

  /** Returns whether an exception is a refusal that the reader promises. */
  boolean refuses(Exception thrown) {
    return refusals.stream().anyMatch(type -> type.isInstance(thrown));
  }

  private static Path write(Path folder, String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}

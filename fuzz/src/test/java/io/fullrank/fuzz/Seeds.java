package io.fullrank.fuzz;

import com.google.common.hash.Hashing;
import com.google.common.primitives.Bytes;
import io.fullrank.certificate.Backend;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.proof.RankProver;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Progress;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Small inputs that are readable, from which fuzzing begins. */
final class Seeds {

  /** The run of all chunks that count. */
  static final String RUN = "run";

  private static final int IMAGES = 2;
  private static final double[][] REGULAR = {{1, 2, 3, 4}, {0, 1, 5, 6}, {0, 0, 1, 7}};

  // Its last row is the sum of the others.
  private static final double[][] SINGULAR = {{1, 2, 3, 4}, {0, 1, 5, 6}, {1, 3, 8, 10}};

  private static final byte[] SINGULAR_MATRIX = npy(SINGULAR);

  private Seeds() {}

  /**
   * Returns the inputs from which the fuzzing of a target begins.
   *
   * @param root of the project, for examples and messages
   */
  static List<byte[]> of(FuzzTarget target, Path root) throws IOException {
    return switch (target) {
      case NPY -> List.of(npy(REGULAR));
      case SAFETENSORS -> List.of(safetensors());
      case PROOF -> List.of(falseProof());
      case REPORT -> List.of(report());
      case MAT ->
          List.of(mat("X", new int[] {32, 32, 3, 1}), mat("y", new int[] {1, 1}), new byte[128]);
      case IDX -> List.of(idx(0x803, IMAGES, 28, 28));
      case SEMEION ->
          List.of(
              ("0.0 ".repeat(256) + "1 " + "0 ".repeat(9) + "\n")
                  .getBytes(StandardCharsets.US_ASCII));
      case EXPERIMENT_FILE -> contents(root.resolve("examples"), "", ".yaml");
      case EXPERIMENT_MESSAGE -> {
        List<byte[]> specs = new ArrayList<>();
        for (byte[] request : golden(root, "run_request-")) {
          specs.add(RunRequest.parseFrom(request).getSpec().toByteArray());
        }
        yield specs;
      }
      case SNAPSHOT_CHUNK -> {
        List<byte[]> chunks = new ArrayList<>();
        for (byte[] message : golden(root, "snapshot-")) {
          Snapshot.Builder snapshot = Snapshot.parseFrom(message).toBuilder();
          snapshot.getHeaderBuilder().setRun(RUN);
          for (SnapshotChunk chunk : SnapshotChunks.split(snapshot.build(), 1 << 8)) {
            chunks.add(chunk.toByteArray());
          }
        }
        yield chunks;
      }
    };
  }

  /** Returns a {@code .npy} file of a matrix without full row rank. */
  static byte[] singularMatrix() {
    return SINGULAR_MATRIX.clone();
  }

  /** Returns the labels of the images. */
  static byte[] labels() {
    return idx(0x801, IMAGES);
  }

  private static byte[] npy(double[][] rows) {
    String header =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(rows.length, rows[0].length);
    String padded = header + " ".repeat(117 - header.length()) + "\n";
    ByteBuffer file = little(10 + padded.length() + rows.length * rows[0].length * Double.BYTES);
    file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    file.putShort((short) padded.length()).put(ascii(padded));
    for (double[] row : rows) {
      for (double entry : row) {
        file.putDouble(entry);
      }
    }
    return file.array();
  }

  private static byte[] safetensors() {
    byte[] header = ascii("{\"h\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}");
    return little(Long.BYTES + header.length + 24).putLong(header.length).put(header).array();
  }

  /** A proof of a matrix that has full row rank, with the name of one that has not. */
  private static byte[] falseProof() throws IOException {
    Path file = Files.createTempFile("regular", ".npy");
    try {
      byte[] regular = npy(REGULAR);
      Files.write(file, regular);
      ByteArrayOutputStream proof = new ByteArrayOutputStream();
      new RankProver(Backend.OPENBLAS.choose(1).algebra())
          .prove(NpyFile.open(file, false), proof, Progress.NONE, Cancellation.NEVER);
      byte[] whole = proof.toByteArray();
      byte[] body = Arrays.copyOf(whole, whole.length - Hashing.sha256().bits() / Byte.SIZE);
      return replaced(body, sha256(REGULAR), sha256(SINGULAR));
    } finally {
      Files.delete(file);
    }
  }

  private static byte[] replaced(byte[] in, byte[] old, byte[] by) {
    int at = Bytes.indexOf(in, old);
    if (at < 0) {
      throw new IllegalStateException("a proof does not name its matrix as expected");
    }
    byte[] out = in.clone();
    System.arraycopy(by, 0, out, at, by.length);
    return out;
  }

  // As the proof's header writes it: of the entries, little-endian, row by row.
  private static byte[] sha256(double[][] rows) {
    byte[] file = npy(rows);
    int entries = rows.length * rows[0].length * Double.BYTES;
    return ascii(Hashing.sha256().hashBytes(file, file.length - entries, entries).toString());
  }

  private static byte[] report() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(ascii("FULLRANK1\n"));
    RegisterRunRequest.newBuilder().setTrainRows(2).build().writeDelimitedTo(file);
    ReportRequest.Builder report = ReportRequest.newBuilder().setSequence(1);
    report.setBegin(Begin.newBuilder().setProtocol(1).setAttempt(1).setTotalSteps(2));
    report.build().writeDelimitedTo(file);
    report.setSequence(2).getProgressBuilder().setStep(1).setPhase(Phase.PHASE_ONE);
    report.build().writeDelimitedTo(file);
    report.setSequence(3);
    report.setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED).setSteps(2));
    report.build().writeDelimitedTo(file);
    return file.toByteArray();
  }

  /** A file of MATLAB's level 5 with one array of bytes. */
  private static byte[] mat(String name, int[] dimensions) {
    int entries = Arrays.stream(dimensions).reduce(1, Math::multiplyExact);
    int padded = (entries + 7) / 8 * 8;
    int shape = (dimensions.length + 1) / 2 * 2 * Integer.BYTES;
    int array = 16 + 8 + shape + 8 + 8 + padded;
    ByteBuffer file = little(128 + 8 + array);
    file.put(ascii("MATLAB 5.0 MAT-file")).position(124);
    file.putShort((short) 0x100).put(ascii("IM"));
    file.putInt(14).putInt(array);
    file.putInt(6).putInt(8).putInt(9).putInt(0);
    file.putInt(5).putInt(dimensions.length * Integer.BYTES);
    int begin = file.position();
    for (int dimension : dimensions) {
      file.putInt(dimension);
    }
    file.position(begin + shape);
    file.putInt(1 << 16 | 1).put(ascii(name)).position(begin + shape + 8);
    file.putInt(2).putInt(entries);
    return file.array();
  }

  private static byte[] idx(int magic, int... dimensions) {
    int entries = Arrays.stream(dimensions).reduce(1, Math::multiplyExact);
    ByteBuffer file = ByteBuffer.allocate((1 + dimensions.length) * Integer.BYTES + entries);
    file.putInt(magic);
    for (int dimension : dimensions) {
      file.putInt(dimension);
    }
    return file.array();
  }

  private static List<byte[]> golden(Path root, String prefix) throws IOException {
    return contents(root.resolve("proto/src/test/resources/golden"), prefix, ".binpb");
  }

  private static List<byte[]> contents(Path folder, String prefix, String ending)
      throws IOException {
    List<byte[]> contents = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.startsWith(prefix) && name.endsWith(ending)) {
          contents.add(Files.readAllBytes(file));
        }
      }
    }
    return contents;
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

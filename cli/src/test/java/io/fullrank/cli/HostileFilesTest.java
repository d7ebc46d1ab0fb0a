package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.SafetensorsFile;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.playback.ReportFile;
import io.fullrank.testsupport.hostile.HostileInputs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that people give to commands, changed at random. */
class HostileFilesTest {

  @TempDir Path folder;

  @Test
  void npyFilesAreReadOrRefused() {
    give(
        4000,
        List.of(npy("<f4", 4), npy("<f8", 8)),
        Set.of(InvalidMatrixFileException.class, InsufficientMemoryException.class),
        file -> {
          try (Matrix matrix = NpyFile.read(file, true)) {
            assertThat(matrix.rows()).isPositive();
          }
        });
  }

  @Test
  void safetensorsFilesAreReadOrRefused() {
    give(
        4000,
        List.of(safetensors("F32", 4), safetensors("F64", 8)),
        Set.of(InvalidMatrixFileException.class, InsufficientMemoryException.class),
        file -> {
          try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            for (SafetensorsFile.Tensor tensor : tensors.tensors()) {
              if (tensor.isMatrix()) {
                try (Matrix matrix = tensors.read(tensor.name(), false)) {
                  assertThat(matrix.rows()).isPositive();
                }
              }
            }
          }
        });
  }

  @Test
  void reportsAreReadOrRefused() throws IOException {
    Path whole = RecordedRun.of(3, 4).write(folder.resolve("whole"));
    give(
        2000,
        List.of(Files.readAllBytes(whole)),
        Set.of(BadInputException.class),
        file -> {
          ReportFile unused = ReportFile.check(file, false);
        });
  }

  /** Reads a file. */
  private interface FileReader {
    void read(Path file) throws Exception;
  }

  private void give(
      int count, List<byte[]> files, Set<Class<? extends Exception>> refusals, FileReader reader) {
    Path file = folder.resolve("file");
    HostileInputs.Outcome outcome =
        new HostileInputs(17, files, refusals, 8 << 20)
            .give(
                count,
                bytes -> {
                  Files.write(file, bytes);
                  reader.read(file);
                });
    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }

  private static byte[] npy(String type, int entryBytes) {
    String header = "{'descr': '%s', 'fortran_order': False, 'shape': (3, 5), }".formatted(type);
    String padded = header + " ".repeat(117 - header.length()) + "\n";
    ByteBuffer file = ByteBuffer.allocate(10 + padded.length() + 15 * entryBytes);
    file.order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    file.putShort((short) padded.length()).put(padded.getBytes(StandardCharsets.US_ASCII));
    return entries(file, entryBytes);
  }

  private static byte[] safetensors(String type, int entryBytes) {
    String header =
        "{\"h\":{\"dtype\":\"%s\",\"shape\":[3,5],\"data_offsets\":[0,%d]}}"
            .formatted(type, 15 * entryBytes);
    ByteBuffer file = ByteBuffer.allocate(8 + header.length() + 15 * entryBytes);
    file.order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    return entries(file, entryBytes);
  }

  private static byte[] entries(ByteBuffer file, int entryBytes) {
    for (int entry = 0; entry < 15; entry++) {
      if (entryBytes == 4) {
        file.putFloat(entry + 0.5F);
      } else {
        file.putDouble(entry + 0.25);
      }
    }
    return file.array();
  }
}

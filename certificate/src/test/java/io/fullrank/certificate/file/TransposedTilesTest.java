package io.fullrank.certificate.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.matrix.RowTiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TransposedTilesTest {

  private static final int START = 5;
  private static final int ROWS = 103;
  private static final int COLUMNS = 131;

  @TempDir Path folder;

  /** Tiles of 7 rows, of one, and of all. */
  @ParameterizedTest
  @CsvSource({"11004, 3", "1, 2", "1000000, 1"})
  void readsRowsFromSeveralThreadsHoweverFewTilesThereAre(long bytes, int most) throws IOException {
    try (MatrixFile file = MatrixFile.open(write());
        TransposedTiles tiles = new TransposedTiles(matrix(file), bytes, most)) {
      for (int round = 0; round < 2; round++) {
        RowTiles.forEachPart(
            3,
            0,
            ROWS,
            1 << 20,
            (from, to) -> {
              for (int i = from; i < to; i++) {
                ByteBuffer part = ByteBuffer.allocate(Integer.BYTES * 70).position(Integer.BYTES);
                tiles.get(i, 62, part);
                assertThat(part.hasRemaining()).isFalse();
                for (int j = 0; j < 69; j++) {
                  assertThat(part.getInt((j + 1) * Integer.BYTES)).isEqualTo(entry(i, 62 + j));
                }
                assertThat(part.getInt(0)).isZero();
              }
            });
      }
    }
  }

  @Test
  void saysThatTheFileHasBecomeShorter() throws IOException {
    Path path = write();
    try (MatrixFile file = MatrixFile.open(path);
        TransposedTiles tiles = new TransposedTiles(matrix(file), 11004, 3)) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(Files.size(path) - 1);
      }
      ByteBuffer row = ByteBuffer.allocate(Integer.BYTES * COLUMNS);
      tiles.get(0, 0, row);
      assertThat(row.getInt(Integer.BYTES)).isEqualTo(entry(0, 1));
      assertThatThrownBy(() -> tiles.get(ROWS - 1, 0, row.clear()))
          .isInstanceOf(InvalidMatrixFileException.class)
          .hasMessage(path + ": became shorter while it was read");
    }
  }

  private static int entry(int row, int column) {
    return row * 1000 + column;
  }

  private static StoredMatrix matrix(MatrixFile file) {
    return new StoredMatrix(
        file, START, ROWS, COLUMNS, ElementType.I32, ByteOrder.BIG_ENDIAN, true);
  }

  private Path write() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(START + ROWS * COLUMNS * Integer.BYTES);
    bytes.position(START);
    for (int j = 0; j < COLUMNS; j++) {
      for (int i = 0; i < ROWS; i++) {
        bytes.putInt(entry(i, j));
      }
    }
    return Files.write(folder.resolve("columns"), bytes.array());
  }
}

package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * A file of the IDX format of the MNIST database (LeCun, Cortes, Burges) with unsigned bytes: two
 * zero bytes, the type 0x08, the number of dimensions, each dimension as a big-endian 32-bit
 * integer, then the bytes, row-major. A name that ends in {@code .gz} is read through gzip.
 *
 * @param path where it was read from
 * @param dimensions the sizes of its dimensions
 * @param bytes as many as the product of the dimensions; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // It is never compared and never leaves this package.
record IdxFile(Path path, int[] dimensions, byte[] bytes) {

  /** More than any data set of the family holds; keeps a damaged header from filling the memory. */
  private static final long MAX_BYTES = 1L << 30;

  /**
   * Reads a whole file.
   *
   * @param dimensions how many dimensions the file must have: 1 for labels, 3 for images
   * @throws DataSetException naming the file and what is wrong with it
   */
  static IdxFile read(Path path, int dimensions) {
    boolean compressed = path.getFileName().toString().endsWith(".gz");
    try (InputStream file = Files.newInputStream(path);
        InputStream in =
            compressed
                ? new GZIPInputStream(file, 1 << 16)
                : new BufferedInputStream(file, 1 << 16)) {
      return read(path, in, dimensions);
    } catch (EOFException e) {
      throw new DataSetException(
          path + ": truncated: the compressed data end early; get the file again", e);
    } catch (ZipException e) {
      throw new DataSetException(
          "%s: corrupt gzip data (%s); get the file again".formatted(path, e.getMessage()), e);
    } catch (IOException e) {
      throw new DataSetException("%s: cannot be read: %s".formatted(path, e.getMessage()), e);
    }
  }

  private static IdxFile read(Path path, InputStream in, int dimensions) throws IOException {
    byte[] header = in.readNBytes(4 + 4 * dimensions);
    checkMagic(path, header, dimensions);
    if (header.length < 4 + 4 * dimensions) {
      throw new DataSetException(
          "%s: truncated: %d bytes are less than the header of %d; get the file again"
              .formatted(path, header.length, 4 + 4 * dimensions));
    }
    ByteBuffer sizes = ByteBuffer.wrap(header, 4, 4 * dimensions);
    int[] shape = new int[dimensions];
    long expected = 1;
    for (int i = 0; i < dimensions; i++) {
      shape[i] = sizes.getInt();
      // Checked in every round, so that the product of 31-bit sizes cannot overflow.
      expected = shape[i] < 1 ? -1 : expected * shape[i];
      if (expected < 1 || expected > MAX_BYTES) {
        throw new DataSetException(
            "%s: dimension %d is %d: not a data set of the MNIST family; get the file again"
                .formatted(path, i + 1, Integer.toUnsignedLong(shape[i])));
      }
    }
    byte[] bytes = in.readNBytes((int) expected);
    if (bytes.length < expected) {
      throw new DataSetException(
          "%s: truncated: %s need %d bytes after the header, found %d; get the file again"
              .formatted(path, Arrays.toString(shape), expected, bytes.length));
    }
    if (in.read() >= 0) {
      throw new DataSetException(
          "%s: more bytes than the %d that %s need; get the file again"
              .formatted(path, expected, Arrays.toString(shape)));
    }
    return new IdxFile(path, shape, bytes);
  }

  private static void checkMagic(Path path, byte[] header, int dimensions) {
    if (header.length >= 2 && (header[0] & 0xFF) == 0x1F && (header[1] & 0xFF) == 0x8B) {
      throw new DataSetException(
          "%s: holds gzip data; rename it to %s.gz".formatted(path, path.getFileName()));
    }
    byte[] magic = {0, 0, 8, (byte) dimensions};
    byte[] found = Arrays.copyOf(header, Math.min(4, header.length));
    if (!Arrays.equals(found, 0, found.length, magic, 0, found.length)) {
      throw new DataSetException(
          "%s: not an IDX file of %s: begins with %s, expected %s"
              .formatted(path, dimensions == 1 ? "labels" : "images", hex(found), hex(magic)));
    }
  }

  private static String hex(byte[] bytes) {
    StringBuilder digits = new StringBuilder("0x");
    for (byte b : bytes) {
      digits.append("%02x".formatted(b));
    }
    return digits.toString();
  }
}

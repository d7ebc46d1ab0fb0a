package io.fullrank.network.data.source;

import com.google.common.io.ByteStreams;
import io.fullrank.network.data.sample.DataSetException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;

/**
 * Reads arrays of numbers from a MAT-file of level 5 (MathWorks: <i>MAT-File Format</i>): a header
 * of 128 bytes, then elements, each of which is an array or the zlib data of one. An element is a
 * tag, which holds its type and its length, and its data; an array's data are elements again.
 *
 * <p>Lengths are never trusted: memory grows with the bytes that are really there, and every length
 * has to fit into what encloses it.
 */
final class MatFile {

  private static final int HEADER_BYTES = 128;
  private static final int TAG_BYTES = 8;
  private static final int LEVEL_5 = 0x0100;
  private static final int LEVEL_7_3 = 0x0200;
  private static final byte[] HDF5 = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

  /** More than a data set holds; keeps data that inflate without end from filling the memory. */
  private static final int MAX_BYTES = 1 << 30;

  /** More than flags, dimensions, and names take. */
  private static final int MAX_DESCRIPTION_BYTES = 1 << 12;

  // Types of elements.
  private static final int INT8 = 1;
  private static final int INT32 = 5;
  private static final int UINT32 = 6;
  private static final int ARRAY = 14;
  private static final int COMPRESSED = 15;

  // Flags of an array.
  private static final int CLASS = 0xFF;
  private static final int LOGICAL = 1 << 9;
  private static final int COMPLEX = 1 << 11;

  /** The classes of arrays, at their numbers. */
  private static final String[] CLASSES = {
    "nothing",
    "cell array",
    "structure",
    "object",
    "text",
    "sparse matrix",
    "double",
    "single",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "function",
    "opaque object"
  };

  private static final int FIRST_NUMBERS = 6;
  private static final int LAST_NUMBERS = 15;
  // Says its name in another place.
  private static final int OPAQUE = 17;

  private MatFile() {}

  /**
   * Reads some of a file's arrays.
   *
   * @param path the file
   * @param names the arrays to read; the others are passed over
   * @return those that are there, by name
   * @throws DataSetException naming the file and what is wrong with it
   */
  static Map<String, Numbers> read(Path path, Set<String> names) {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path), 1 << 16)) {
      return read(in, Files.size(path), names);
    } catch (EOFException e) {
      throw new DataSetException(
          "%s: truncated: the file ends early; get the file again".formatted(path), e);
    } catch (ForeignFileException e) {
      throw new DataSetException("%s: %s".formatted(path, e.getMessage()), e);
    } catch (DamagedFileException | ZipException e) {
      throw new DataSetException(
          "%s: damaged: %s; get the file again".formatted(path, e.getMessage()), e);
    } catch (IOException e) {
      throw new DataSetException("%s: cannot be read: %s".formatted(path, e.getMessage()), e);
    }
  }

  private static Map<String, Numbers> read(InputStream in, long size, Set<String> names)
      throws IOException {
    ByteOrder order = readHeader(in);
    Map<String, Numbers> arrays = new HashMap<>();
    for (long left = size - HEADER_BYTES; left > 0; ) {
      ByteBuffer tag = ByteBuffer.wrap(exactly(in, TAG_BYTES)).order(order);
      int type = tag.getInt();
      int length = tag.getInt();
      left -= TAG_BYTES;
      if (type != ARRAY && type != COMPRESSED) {
        throw new DamagedFileException("holds an element of type %d outside arrays", type);
      }
      if (length <= 0) {
        throw new DamagedFileException(
            "an array of %d bytes is impossible", Integer.toUnsignedLong(length));
      }
      if (length > left) {
        throw new EOFException();
      }
      left -= length;
      InputStream element = ByteStreams.limit(in, length);
      Optional<Numbers> numbers =
          type == ARRAY
              ? readArray(new Elements(element, order, length), names)
              : inflateArray(element, order, names);
      if (numbers.isPresent() && arrays.putIfAbsent(numbers.get().name(), numbers.get()) != null) {
        throw new DamagedFileException("has two arrays %s", numbers.get().name());
      }
      ByteStreams.exhaust(element);
    }
    return arrays;
  }

  /** Returns the order of the bytes in numbers. */
  private static ByteOrder readHeader(InputStream in) throws IOException {
    byte[] header = in.readNBytes(HEADER_BYTES);
    if (Arrays.equals(HDF5, Arrays.copyOf(header, HDF5.length))) {
      throw new ForeignFileException("an HDF5 file, not a MAT-file of level 5");
    }
    if (header.length < HEADER_BYTES) {
      throw new EOFException();
    }
    ByteBuffer end = ByteBuffer.wrap(header, HEADER_BYTES - 4, 4);
    ByteOrder order =
        header[HEADER_BYTES - 2] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
    int version = end.order(order).getShort() & 0xFFFF;
    int mark = end.getShort();
    if (mark != ('M' << 8 | 'I')) {
      throw new ForeignFileException(
          "not a MAT-file of level 5: its header does not end in MI or IM; is it the right file?");
    }
    if (version == LEVEL_7_3) {
      throw new ForeignFileException(
          "not a MAT-file of level 5 but of version 7.3, which is HDF5; get the published file, or"
              + " save it with -v7 in MATLAB");
    }
    if (version != LEVEL_5) {
      throw new ForeignFileException(
          "not a MAT-file of level 5: its version is 0x%04x; get the file again"
              .formatted(version));
    }
    return order;
  }

  private static Optional<Numbers> inflateArray(
      InputStream compressed, ByteOrder order, Set<String> names) throws IOException {
    Inflater inflater = new Inflater();
    try {
      InputStream in = new InflaterInputStream(compressed, inflater, 1 << 16);
      ByteBuffer tag = ByteBuffer.wrap(exactly(in, TAG_BYTES)).order(order);
      int type = tag.getInt();
      int length = tag.getInt();
      if (type != ARRAY || length < 0) {
        throw new DamagedFileException(
            "compressed data hold type %d of %d bytes, expected an array",
            type, Integer.toUnsignedLong(length));
      }
      Optional<Numbers> numbers = readArray(new Elements(in, order, length), names);
      // Reading to the end compares the checksum.
      if (numbers.isPresent() && in.read() >= 0) {
        throw new DamagedFileException(
            "more data are compressed than the array %s needs", numbers.get().name());
      }
      return numbers;
    } catch (EOFException endsEarly) {
      DamagedFileException damaged = new DamagedFileException("compressed data end early");
      damaged.initCause(endsEarly);
      throw damaged;
    } finally {
      inflater.end();
    }
  }

  /** Reads an array if it has one of the names. */
  private static Optional<Numbers> readArray(Elements elements, Set<String> names)
      throws IOException {
    ByteBuffer flags = elements.next(UINT32, MAX_DESCRIPTION_BYTES);
    if (flags.remaining() != 2 * Integer.BYTES) {
      throw new DamagedFileException("an array has %d bytes of flags", flags.remaining());
    }
    int flag = flags.getInt();
    int kind = flag & CLASS;
    if (kind == 0 || kind >= CLASSES.length) {
      throw new DamagedFileException("an array is of the unknown class %d", kind);
    }
    if (kind == OPAQUE) {
      return Optional.empty();
    }
    int[] dimensions = dimensions(elements.next(INT32, MAX_DESCRIPTION_BYTES));
    String name =
        StandardCharsets.ISO_8859_1.decode(elements.next(INT8, MAX_DESCRIPTION_BYTES)).toString();
    if (!names.contains(name)) {
      return Optional.empty();
    }
    if (kind < FIRST_NUMBERS || kind > LAST_NUMBERS || (flag & (LOGICAL | COMPLEX)) != 0) {
      throw new DamagedFileException(
          "%s is %s, expected real numbers",
          name,
          (flag & COMPLEX) != 0 ? "complex" : (flag & LOGICAL) != 0 ? "logical" : CLASSES[kind]);
    }
    Numbers numbers = elements.numbers(name, CLASSES[kind], dimensions);
    elements.requireEnd(name);
    return Optional.of(numbers);
  }

  private static int[] dimensions(ByteBuffer data) throws DamagedFileException {
    int[] dimensions = new int[data.remaining() / Integer.BYTES];
    data.asIntBuffer().get(dimensions);
    if (dimensions.length < 2 || Arrays.stream(dimensions).anyMatch(size -> size < 0)) {
      throw new DamagedFileException("an array has the dimensions %s", Arrays.toString(dimensions));
    }
    return dimensions;
  }

  /** Reads bytes into memory that grows with what is there. */
  private static byte[] exactly(InputStream in, int length) throws IOException {
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException();
    }
    return bytes;
  }

  /**
   * An array of real numbers.
   *
   * @param name the variable
   * @param type of the numbers, as MATLAB calls it
   * @param dimensions their sizes; column-major
   * @param storage how a number is stored, which may be narrower than the type
   * @param data the numbers
   */
  @SuppressWarnings("ArrayRecordComponent") // It is never compared and never leaves this package.
  record Numbers(String name, String type, int[] dimensions, Storage storage, ByteBuffer data) {

    /** Returns how many numbers there are. */
    int size() {
      return data.capacity() / storage.bytes;
    }

    /** Returns a number. */
    double get(int index) {
      int at = index * storage.bytes;
      return switch (storage) {
        case INT8 -> data.get(at);
        case UINT8 -> data.get(at) & 0xFF;
        case INT16 -> data.getShort(at);
        case UINT16 -> data.getShort(at) & 0xFFFF;
        case INT32 -> data.getInt(at);
        case UINT32 -> Integer.toUnsignedLong(data.getInt(at));
        case INT64, UINT64 -> data.getLong(at);
        case SINGLE -> data.getFloat(at);
        case DOUBLE -> data.getDouble(at);
      };
    }
  }

  /** How numbers are stored. */
  enum Storage {
    INT8(1, 1),
    UINT8(2, 1),
    INT16(3, 2),
    UINT16(4, 2),
    INT32(5, 4),
    UINT32(6, 4),
    SINGLE(7, 4),
    DOUBLE(9, 8),
    INT64(12, 8),
    UINT64(13, 8);

    private final int elementType;
    private final int bytes;

    Storage(int elementType, int bytes) {
      this.elementType = elementType;
      this.bytes = bytes;
    }

    private static Optional<Storage> of(int elementType) {
      return Arrays.stream(values())
          .filter(storage -> storage.elementType == elementType)
          .findFirst();
    }
  }

  /** The elements of an array, one after the other. */
  private static final class Elements {

    private final InputStream in;
    private final ByteOrder order;
    private int left;

    /**
     * @param left the bytes of all elements together
     */
    Elements(InputStream in, ByteOrder order, int left) {
      this.in = in;
      this.order = order;
      this.left = left;
    }

    /** Returns the data of the next element, which has to be of one type. */
    ByteBuffer next(int expected, int most) throws IOException {
      Element element = next(most);
      if (element.type() != expected) {
        throw new DamagedFileException(
            "an array holds an element of type %d where type %d is expected",
            element.type(), expected);
      }
      return element.data();
    }

    /** Returns the numbers of the array. */
    Numbers numbers(String name, String type, int[] dimensions) throws IOException {
      Element element = next(MAX_BYTES);
      Storage storage =
          Storage.of(element.type())
              .orElseThrow(
                  () ->
                      new DamagedFileException(
                          "%s is stored as type %d, which is no type of numbers",
                          name, element.type()));
      long bytes = storage.bytes;
      for (int size : dimensions) {
        // In every round, so that the product of 31-bit sizes cannot overflow.
        bytes = Math.min(bytes * size, Integer.MAX_VALUE);
      }
      if (bytes != element.data().capacity()) {
        throw new DamagedFileException(
            "%s of %s has %d bytes of data",
            name, Arrays.toString(dimensions), element.data().capacity());
      }
      return new Numbers(name, type, dimensions, storage, element.data());
    }

    void requireEnd(String name) throws DamagedFileException {
      if (left != 0) {
        throw new DamagedFileException("%d bytes follow the numbers of %s", left, name);
      }
    }

    private Element next(int most) throws IOException {
      int first = ByteBuffer.wrap(take(Integer.BYTES)).order(order).getInt();
      int type = first & 0xFFFF;
      int length = first >>> 16;
      int padding;
      if (length == 0) {
        length = ByteBuffer.wrap(take(Integer.BYTES)).order(order).getInt();
        padding = -length & 7;
      } else {
        // A small element, whose data share the eight bytes with the tag.
        padding = Integer.BYTES - length;
      }
      if (length < 0 || length > most || padding < 0) {
        throw new DamagedFileException(
            "an array holds an element of %d bytes", Integer.toUnsignedLong(length));
      }
      byte[] data = take(length);
      take(padding);
      return new Element(type, ByteBuffer.wrap(data).order(order));
    }

    private byte[] take(int bytes) throws IOException {
      if (bytes > left) {
        throw new DamagedFileException(
            "an array holds an element of %d bytes where it has %d", bytes, left);
      }
      left -= bytes;
      return exactly(in, bytes);
    }
  }

  /** The data of an element. */
  private record Element(int type, ByteBuffer data) {}

  /** Bytes that contradict the format. */
  private static final class DamagedFileException extends IOException {

    private static final long serialVersionUID = 1L;

    DamagedFileException(String message, Object... arguments) {
      super(message.formatted(arguments));
    }
  }

  /** A file of another format. */
  private static final class ForeignFileException extends IOException {

    private static final long serialVersionUID = 1L;

    ForeignFileException(String message) {
      super(message);
    }
  }
}

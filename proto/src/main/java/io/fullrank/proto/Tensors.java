package io.fullrank.proto;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Converts between arrays and {@link Tensor} messages: dense, row-major, little-endian. */
public final class Tensors {

  private Tensors() {}

  /**
   * Returns a float32 tensor.
   *
   * @param name the tensor's name
   * @param shape its dimensions, none negative
   * @param values its elements in row-major order (copied)
   * @throws IllegalArgumentException if the shape does not ask for {@code values.length} elements
   */
  public static Tensor of(String name, long[] shape, float[] values) {
    requireElements(name, shape, values.length);
    ByteBuffer bytes = littleEndian((long) values.length * Float.BYTES);
    bytes.asFloatBuffer().put(values);
    return tensor(name, DataType.DATA_TYPE_FLOAT32, shape, bytes);
  }

  /**
   * Returns a float64 tensor.
   *
   * @param name the tensor's name
   * @param shape its dimensions, none negative
   * @param values its elements in row-major order (copied)
   * @throws IllegalArgumentException if the shape does not ask for {@code values.length} elements
   */
  public static Tensor of(String name, long[] shape, double[] values) {
    requireElements(name, shape, values.length);
    ByteBuffer bytes = littleEndian((long) values.length * Double.BYTES);
    bytes.asDoubleBuffer().put(values);
    return tensor(name, DataType.DATA_TYPE_FLOAT64, shape, bytes);
  }

  /**
   * Checks that type, shape and byte count of a tensor agree.
   *
   * @return the number of elements
   * @throws WireFormatException if they do not, or the type is unknown
   */
  public static int validate(Tensor tensor) throws WireFormatException {
    int width = bytesPerElement(tensor);
    long elements = 1;
    for (long dimension : tensor.getShapeList()) {
      if (dimension < 0) {
        throw new WireFormatException(
            Fault.INVALID_SHAPE,
            "tensor '%s': shape %s has a negative dimension"
                .formatted(tensor.getName(), tensor.getShapeList()));
      }
      try {
        elements = Math.multiplyExact(elements, dimension);
      } catch (ArithmeticException overflow) {
        elements = Long.MAX_VALUE;
      }
      if (elements > Integer.MAX_VALUE / width) {
        throw new WireFormatException(
            Fault.INVALID_SHAPE,
            "tensor '%s': shape %s asks for more than 2 GiB"
                .formatted(tensor.getName(), tensor.getShapeList()));
      }
    }
    if (elements * width != tensor.getData().size()) {
      throw new WireFormatException(
          Fault.SHAPE_BYTES_MISMATCH,
          "tensor '%s': shape %s of %s asks for %d bytes, there are %d"
              .formatted(
                  tensor.getName(),
                  tensor.getShapeList(),
                  tensor.getType(),
                  elements * width,
                  tensor.getData().size()));
    }
    return (int) elements;
  }

  /**
   * Returns a tensor's elements, widened to float64 without loss.
   *
   * @throws WireFormatException as {@link #validate}
   */
  public static double[] toDoubles(Tensor tensor) throws WireFormatException {
    double[] values = new double[validate(tensor)];
    ByteBuffer bytes = bytes(tensor);
    switch (tensor.getType()) {
      case DATA_TYPE_FLOAT64 -> bytes.asDoubleBuffer().get(values);
      case DATA_TYPE_FLOAT32 -> Arrays.setAll(values, i -> bytes.getFloat(i * Float.BYTES));
      case DATA_TYPE_FLOAT16 ->
          Arrays.setAll(values, i -> halfToFloat(bytes.getShort(i * Short.BYTES)));
      case DATA_TYPE_BFLOAT16 ->
          Arrays.setAll(values, i -> Float.intBitsToFloat(bytes.getShort(i * Short.BYTES) << 16));
      default -> throw unknownType(tensor);
    }
    return values;
  }

  /**
   * Returns a tensor's elements as float32, without loss.
   *
   * @throws WireFormatException as {@link #validate}, and if the tensor is float64, which does not
   *     fit
   */
  public static float[] toFloats(Tensor tensor) throws WireFormatException {
    float[] values = new float[validate(tensor)];
    if (tensor.getType() == DataType.DATA_TYPE_FLOAT32) {
      bytes(tensor).asFloatBuffer().get(values);
      return values;
    }
    if (tensor.getType() == DataType.DATA_TYPE_FLOAT64) {
      throw new WireFormatException(
          Fault.UNKNOWN_DATA_TYPE,
          "tensor '%s': float64 where at most float32 is expected".formatted(tensor.getName()));
    }
    double[] wide = toDoubles(tensor);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) wide[i];
    }
    return values;
  }

  /**
   * Returns the bytes that one element takes.
   *
   * @throws IllegalArgumentException if the type is unspecified or unknown
   */
  public static int bytesPerElement(DataType type) {
    return switch (type) {
      case DATA_TYPE_FLOAT16, DATA_TYPE_BFLOAT16 -> Short.BYTES;
      case DATA_TYPE_FLOAT32 -> Float.BYTES;
      case DATA_TYPE_FLOAT64 -> Double.BYTES;
      case DATA_TYPE_UNSPECIFIED, UNRECOGNIZED ->
          throw new IllegalArgumentException(type + " is no type of elements");
    };
  }

  private static int bytesPerElement(Tensor tensor) throws WireFormatException {
    if (tensor.getType() == DataType.DATA_TYPE_UNSPECIFIED
        || tensor.getType() == DataType.UNRECOGNIZED) {
      throw unknownType(tensor);
    }
    return bytesPerElement(tensor.getType());
  }

  private static WireFormatException unknownType(Tensor tensor) {
    return new WireFormatException(
        Fault.UNKNOWN_DATA_TYPE,
        "tensor '%s': unknown element type %d".formatted(tensor.getName(), tensor.getTypeValue()));
  }

  // IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; Float.float16ToFloat came with Java
  // 20.
  private static float halfToFloat(short bits) {
    int exponent = (bits >> 10) & 0x1f;
    int fraction = bits & 0x3ff;
    float magnitude =
        switch (exponent) {
          case 0 -> fraction * 0x1p-24f;
          case 31 -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
          default -> Math.scalb((float) (fraction + 0x400), exponent - 25);
        };
    return bits < 0 ? -magnitude : magnitude;
  }

  private static ByteBuffer bytes(Tensor tensor) {
    // Bytes that are part of others come as a buffer whose position is not 0.
    return tensor.getData().asReadOnlyByteBuffer().slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ByteBuffer littleEndian(long bytes) {
    return ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static Tensor tensor(String name, DataType type, long[] shape, ByteBuffer bytes) {
    // The buffer is ours alone, so that it can be wrapped instead of copied.
    ByteString data = UnsafeByteOperations.unsafeWrap(bytes);
    Tensor.Builder builder = Tensor.newBuilder().setName(name).setType(type).setData(data);
    for (long dimension : shape) {
      builder.addShape(dimension);
    }
    return builder.build();
  }

  private static void requireElements(String name, long[] shape, int elements) {
    long product = 1;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "tensor '%s': shape %s has a negative dimension"
                .formatted(name, Arrays.toString(shape)));
      }
      try {
        product = Math.multiplyExact(product, dimension);
      } catch (ArithmeticException overflow) {
        product = Long.MAX_VALUE;
      }
    }
    if (product != elements) {
      throw new IllegalArgumentException(
          "tensor '%s': shape %s asks for %d elements, there are %d"
              .formatted(name, Arrays.toString(shape), product, elements));
    }
  }
}

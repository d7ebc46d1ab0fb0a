package io.fullrank.certificate.file;

import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * The types of the numbers that matrix files hold, by their names in safetensors files. Each number
 * widens to f64 without loss, or not at all.
 */
enum ElementType {
  /** One byte, 0 for false and otherwise true, which count as 0 and 1. */
  BOOL(1, each((from, index) -> from.get(index) == 0 ? 0 : 1)),
  I8(1, each(ByteBuffer::get)),
  U8(1, each((from, index) -> from.get(index) & 0xff)),
  I16(2, each((from, index) -> from.getShort(2 * index))),
  U16(2, each((from, index) -> from.getShort(2 * index) & 0xffff)),
  I32(4, each((from, index) -> from.getInt(4 * index))),
  U32(4, each((from, index) -> from.getInt(4 * index) & 0xffffffffL)),
  I64(8, each((from, index) -> exact(from.getLong(8 * index)))),
  U64(8, each((from, index) -> exactUnsigned(from.getLong(8 * index)))),
  /** 1 sign, 4 exponent (bias 7) and 3 fraction bits; only the largest magnitude is NaN. */
  F8_E4M3(1, each((from, index) -> fromFiniteByte(from.get(index)))),
  /** The upper byte of an IEEE 754 binary16. */
  F8_E5M2(1, each((from, index) -> fromHalf((short) (from.get(index) << 8)))),
  /** {@link #F8_E4M3} with bias 8; only the pattern of -0 is NaN. */
  F8_E4M3FNUZ(1, each((from, index) -> fromUnsignedZeroByte(from.get(index), 3))),
  /** 1 sign, 5 exponent (bias 16) and 2 fraction bits; only the pattern of -0 is NaN. */
  F8_E5M2FNUZ(1, each((from, index) -> fromUnsignedZeroByte(from.get(index), 2))),
  /** A power of two, from 2^-127 on, or NaN. */
  F8_E8M0(1, each((from, index) -> fromExponent(from.get(index) & 0xff))),
  /** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
  F16(2, each((from, index) -> fromHalf(from.getShort(2 * index)))),
  /** The upper half of an IEEE 754 binary32. */
  BF16(2, each((from, index) -> Float.intBitsToFloat(from.getShort(2 * index) << 16))),
  /** IEEE 754 binary32. */
  F32(
      4,
      (from, index, into, offset, count) -> {
        float[] floats = new float[count];
        from.asFloatBuffer().get(index, floats);
        for (int k = 0; k < count; k++) {
          into[offset + k] = floats[k];
        }
      }),
  /** IEEE 754 binary64. */
  F64(
      8,
      (from, index, into, offset, count) -> from.asDoubleBuffer().get(index, into, offset, count));

  /** What {@link #named} knows, for messages. */
  static final String READABLE =
      "BOOL, I8 to I64, U8 to U64, F8 (E4M3, E5M2, E8M0 and FNUZ), F16, BF16, F32 and F64";

  private final int bytes;
  private final Widening widening;

  ElementType(int bytes, Widening widening) {
    this.bytes = bytes;
    this.widening = widening;
  }

  /** An integer beyond ±2^53, of which f64 does not hold all; the message names it. */
  static final class InexactIntegerException extends RuntimeException {
    InexactIntegerException(String integer) {
      super(
          "holds the integer "
              + integer
              + ", beyond 2^53, where not every integer is a float64; subtract or divide before"
              + " saving");
    }
  }

  private interface Widening {
    void widen(ByteBuffer from, int index, double[] into, int offset, int count);
  }

  private interface Element {
    double widen(ByteBuffer from, int index);
  }

  private static Widening each(Element element) {
    return (from, index, into, offset, count) -> {
      for (int k = 0; k < count; k++) {
        into[offset + k] = element.widen(from, index + k);
      }
    };
  }

  /** Returns the type that safetensors files call so, if it is read. */
  static Optional<ElementType> named(String name) {
    for (ElementType type : values()) {
      if (type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  /** Returns the number of bytes that one number takes. */
  int bytes() {
    return bytes;
  }

  /**
   * Widens numbers.
   *
   * @param from (input) numbers from its position 0 on, in its byte order
   * @param index of the first number
   * @param into (output) receives the widened numbers
   * @param offset the index of the first one in {@code into}
   * @param count the number of numbers
   * @throws InexactIntegerException if one is an integer beyond ±2^53
   */
  void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
    widening.widen(from, index, into, offset, count);
  }

  private static double exact(long integer) {
    if (integer > 1L << 53 || integer < -(1L << 53)) {
      throw new InexactIntegerException(Long.toString(integer));
    }
    return integer;
  }

  private static double exactUnsigned(long integer) {
    if (integer > 1L << 53 || integer < 0) {
      throw new InexactIntegerException(Long.toUnsignedString(integer));
    }
    return integer;
  }

  private static double fromHalf(short half) {
    int exponent = half >> 10 & 0x1f;
    int fraction = half & 0x3ff;
    double magnitude;
    if (exponent == 0x1f) {
      magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
    } else {
      magnitude = magnitude(exponent, fraction, 10, 15);
    }
    return half < 0 ? -magnitude : magnitude;
  }

  private static double fromFiniteByte(byte bits) {
    int magnitudeBits = bits & 0x7f;
    double magnitude =
        magnitudeBits == 0x7f ? Double.NaN : magnitude(magnitudeBits >> 3, bits & 7, 3, 7);
    return bits < 0 ? -magnitude : magnitude;
  }

  private static double fromUnsignedZeroByte(byte bits, int fractionBits) {
    if (bits == Byte.MIN_VALUE) {
      return Double.NaN;
    }
    double magnitude =
        magnitude(
            (bits & 0x7f) >> fractionBits,
            bits & (1 << fractionBits) - 1,
            fractionBits,
            1 << (6 - fractionBits));
    return bits < 0 ? -magnitude : magnitude;
  }

  private static double fromExponent(int exponent) {
    return exponent == 0xff ? Double.NaN : Math.scalb(1.0, exponent - 127);
  }

  /** A finite number by its parts; subnormal where the exponent's bits are 0. */
  private static double magnitude(int exponent, int fraction, int fractionBits, int bias) {
    if (exponent == 0) {
      return fraction * power(1 - bias - fractionBits);
    }
    return (fraction + (1 << fractionBits)) * power(exponent - bias - fractionBits);
  }

  /** Returns 2^e, for an e at which it is normal. */
  private static double power(int exponent) {
    return Double.longBitsToDouble((long) (exponent + Double.MAX_EXPONENT) << 52);
  }
}

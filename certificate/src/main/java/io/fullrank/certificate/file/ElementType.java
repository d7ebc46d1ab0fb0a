package io.fullrank.certificate.file;

import java.nio.ByteBuffer;

/** The types of the numbers that matrix files hold; each widens to f64 without loss. */
enum ElementType {
  /** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
  F16(2) {
    @Override
    void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
      short[] halves = new short[count];
      from.asShortBuffer().get(index, halves);
      for (int k = 0; k < count; k++) {
        into[offset + k] = fromHalf(halves[k]);
      }
    }
  },
  /** The upper half of an IEEE 754 binary32. */
  BF16(2) {
    @Override
    void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
      short[] halves = new short[count];
      from.asShortBuffer().get(index, halves);
      for (int k = 0; k < count; k++) {
        into[offset + k] = Float.intBitsToFloat(halves[k] << 16);
      }
    }
  },
  /** IEEE 754 binary32. */
  F32(4) {
    @Override
    void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
      float[] floats = new float[count];
      from.asFloatBuffer().get(index, floats);
      for (int k = 0; k < count; k++) {
        into[offset + k] = floats[k];
      }
    }
  },
  /** IEEE 754 binary64. */
  F64(8) {
    @Override
    void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
      from.asDoubleBuffer().get(index, into, offset, count);
    }
  };

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
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
   */
  abstract void widen(ByteBuffer from, int index, double[] into, int offset, int count);

  private static double fromHalf(short half) {
    int exponent = half >> 10 & 0x1f;
    int fraction = half & 0x3ff;
    double magnitude;
    if (exponent == 0x1f) {
      magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
    } else if (exponent == 0) {
      magnitude = fraction * 0x1p-24;
    } else {
      // The exponent's bias goes from 15 to 1023, the fraction from 10 to 52 bits.
      magnitude = Double.longBitsToDouble((long) (exponent + 1008) << 52 | (long) fraction << 42);
    }
    return half < 0 ? -magnitude : magnitude;
  }
}

package io.fullrank.checker;

import com.google.common.hash.Hashing;
import com.google.protobuf.ByteString;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/** Snapshots of programs outside Fullrank, with features that they computed. */
public final class ClientSnapshots {

  private ClientSnapshots() {}

  /**
   * Step 1 of a run with features that any type of numbers holds exactly: multiples of 1/8 between
   * -8 and 8.
   */
  public static Snapshot snapshot(String run, DataType type, int rows, int units) {
    Random random = new Random(rows * 31L + units);
    double[] values = random.doubles((long) rows * units).map(x -> random.nextInt(129)).toArray();
    for (int i = 0; i < values.length; i++) {
      values[i] = values[i] / 8 - 8;
    }
    return snapshot(run, type, rows, units, values);
  }

  /** Step 1 of a run whose features have these entries, row by row. */
  public static Snapshot snapshot(
      String run, DataType type, int rows, int units, double... entries) {
    Snapshot.Builder snapshot =
        TestSnapshots.external(TestSnapshots.withoutWeights(TestSnapshots.id(run, 1))).toBuilder();
    snapshot.getHeaderBuilder().getDataSetBuilder().setTrainRows(rows);
    snapshot
        .getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getExternalBuilder()
        .setLastHiddenWidth(units)
        .setAnalytic(true);
    return withFeatures(snapshot.build(), type, rows, units, entries);
  }

  public static Snapshot withFeatures(
      Snapshot snapshot, DataType type, int rows, int units, double... entries) {
    ByteBuffer bytes =
        ByteBuffer.allocate(entries.length * Tensors.bytesPerElement(type))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (double entry : entries) {
      switch (type) {
        case DATA_TYPE_FLOAT64 -> bytes.putDouble(entry);
        case DATA_TYPE_FLOAT32 -> bytes.putFloat((float) entry);
        case DATA_TYPE_BFLOAT16 ->
            bytes.putShort((short) (Float.floatToRawIntBits((float) entry) >>> 16));
        default -> bytes.putShort(half(entry));
      }
    }
    ByteString data = ByteString.copyFrom(bytes.flip());
    return snapshot.toBuilder()
        .setFeatures(
            Tensor.newBuilder()
                .setName("features")
                .setType(type)
                .addShape(rows)
                .addShape(units)
                .setData(data))
        .setFeaturesSha256(sha256(data))
        .build();
  }

  public static ByteString sha256(ByteString data) {
    return ByteString.copyFrom(Hashing.sha256().hashBytes(data.toByteArray()).asBytes());
  }

  /** Returns the binary16 of a number that is 0 or normal there. */
  private static short half(double value) {
    if (value == 0) {
      return 0;
    }
    long bits = Double.doubleToRawLongBits(value);
    long exponent = (bits >>> 52 & 0x7ff) - 1023 + 15;
    return (short) (bits >>> 63 << 15 | exponent << 10 | bits >>> 42 & 0x3ff);
  }
}

package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import com.google.protobuf.UnsafeByteOperations;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotBytesTest {

  private static final String GROUP = "the wire contract has no groups";

  static List<Snapshot> snapshots() {
    List<Snapshot> all = new ArrayList<>();
    all.add(Snapshot.getDefaultInstance());
    Random random = new Random(5);
    for (int i = 0; i < 50; i++) {
      Snapshot.Builder snapshot =
          Snapshot.newBuilder()
              .setHeader(RunHeader.newBuilder().setRun("run").setAttempt(random.nextLong()))
              .setStep(random.nextLong())
              .setWitness(random.nextBoolean());
      for (int k = random.nextInt(4); k > 0; k--) {
        snapshot.addWeights(tensor(random)).addGradients(tensor(random));
      }
      if (random.nextBoolean()) {
        snapshot.setFeatures(tensor(random));
      }
      if (random.nextBoolean()) {
        // As a later version may add.
        snapshot.setUnknownFields(
            UnknownFieldSet.newBuilder()
                .addField(
                    100,
                    Field.newBuilder()
                        .addVarint(7)
                        .addFixed32(3)
                        .addFixed64(4)
                        .addLengthDelimited(ByteString.copyFromUtf8("later"))
                        .build())
                .build());
      }
      all.add(snapshot.build());
    }
    return all;
  }

  private static Tensor tensor(Random random) {
    byte[] data = new byte[random.nextInt(3000)];
    random.nextBytes(data);
    return Tensor.newBuilder()
        .setName("t")
        .setType(DataType.DATA_TYPE_FLOAT16)
        .addShape(data.length / 2)
        .setData(ByteString.copyFrom(data))
        .build();
  }

  @ParameterizedTest
  @MethodSource("snapshots")
  void readsWhatProtobufWritesAndWritesWhatProtobufReads(Snapshot snapshot)
      throws InvalidProtocolBufferException {
    assertThat(SnapshotBytes.parse(snapshot.toByteString())).isEqualTo(snapshot);
    assertThat(Snapshot.parseFrom(SnapshotBytes.of(snapshot))).isEqualTo(snapshot);
    if (snapshot.getUnknownFields().asMap().isEmpty()) {
      assertThat(SnapshotBytes.of(snapshot)).isEqualTo(snapshot.toByteString());
    }
  }

  /**
   * Whatever protobuf refuses is refused, and whatever it takes is read the same, but for groups,
   * which no message of the contract has.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void agreesWithProtobufOnDamagedBytes(int seed) {
    Random random = new Random(seed);
    List<Snapshot> snapshots = snapshots();
    for (int i = 0; i < 5000; i++) {
      byte[] bytes = snapshots.get(random.nextInt(snapshots.size())).toByteArray();
      if (bytes.length == 0) {
        continue;
      }
      for (int k = random.nextInt(3); k >= 0; k--) {
        bytes[random.nextInt(Math.min(bytes.length, 60))] = (byte) random.nextInt(256);
      }
      ByteString damaged = ByteString.copyFrom(bytes, 0, 1 + random.nextInt(bytes.length));
      String read = parsed(damaged, SnapshotBytes::parse);
      if (!read.equals(GROUP)) {
        assertThat(read).isEqualTo(parsed(damaged, Snapshot::parseFrom));
      }
    }
  }

  @Test
  void doesNotCopyFeatures() throws InvalidProtocolBufferException {
    byte[] data = new byte[1 << 20];
    Snapshot snapshot =
        Snapshot.newBuilder()
            .setFeatures(Tensor.newBuilder().setData(UnsafeByteOperations.unsafeWrap(data)))
            .build();

    ByteString bytes = SnapshotBytes.of(snapshot);
    Snapshot read = SnapshotBytes.parse(bytes);
    data[12345] = 7;

    assertThat(bytes.byteAt(bytes.size() - data.length + 12345)).isEqualTo((byte) 7);
    assertThat(read.getFeatures().getData().byteAt(12345)).isEqualTo((byte) 7);
  }

  @Test
  void refusesALengthBeyondTheEnd() {
    ByteString bytes = ByteString.copyFrom(new byte[] {0x4a, 0x7f, 1, 2});

    assertThatThrownBy(() -> SnapshotBytes.parse(bytes))
        .isInstanceOf(InvalidProtocolBufferException.class)
        .hasMessage("field 9 asks for 127 bytes, there are 2");
  }

  private interface Parser {
    Snapshot parse(ByteString bytes) throws InvalidProtocolBufferException;
  }

  private static String parsed(ByteString bytes, Parser parser) {
    try {
      return parser.parse(bytes).toString();
    } catch (InvalidProtocolBufferException malformed) {
      return GROUP.equals(malformed.getMessage()) ? GROUP : "malformed";
    }
  }
}

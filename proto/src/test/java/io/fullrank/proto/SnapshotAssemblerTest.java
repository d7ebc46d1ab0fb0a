package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.fullrank.proto.SnapshotAssembler.Step;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotAssemblerTest {

  private static final String RUN = "run";
  private static final long MAX_BYTES = 1 << 16;

  private final SnapshotAssembler assembler = new SnapshotAssembler(RUN, MAX_BYTES);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64, 1000, Integer.MAX_VALUE, SnapshotChunks.DEFAULT_PAYLOAD_BYTES})
  void joinsWhatWasSplitAtAnySize(int payloadBytes) throws WireFormatException {
    Snapshot snapshot = snapshot(1, 5);

    List<SnapshotChunk> chunks = SnapshotChunks.split(snapshot, payloadBytes);
    Optional<Snapshot> joined = Optional.empty();
    for (SnapshotChunk chunk : chunks) {
      assertThat(joined).isEmpty();
      assertThat(chunk.getPayload().size()).isLessThanOrEqualTo(payloadBytes);
      joined = assembler.accept(chunk).snapshot();
    }

    assertThat(joined).contains(snapshot);
    assertThat(assembler.incomplete()).isEmpty();
    assertThat(assembler.bytesHeld()).isZero();
  }

  @Test
  void splitsIntoChunksThatSayWhatTheyBelongTo() {
    Snapshot witness = snapshot(3, 5).toBuilder().setWitness(true).build();

    List<SnapshotChunk> chunks = SnapshotChunks.split(witness, 10);

    for (int index = 0; index < chunks.size(); index++) {
      SnapshotChunk chunk = chunks.get(index);
      assertThat(SnapshotId.of(chunk)).isEqualTo(new SnapshotId(RUN, 3, 5));
      assertThat(chunk.getIndex()).isEqualTo(index);
      assertThat(chunk.getCount()).isEqualTo((witness.getSerializedSize() + 9) / 10);
      assertThat(chunk.getTotalBytes()).isEqualTo(witness.getSerializedSize());
      assertThat(chunk.getWitness()).isTrue();
    }
  }

  @Test
  void checksumsAreCrc32C() {
    // The check value of CRC-32C (Castagnoli): that of the nine digits.
    assertThat(SnapshotChunks.crc32c(ByteString.copyFromUtf8("123456789"))).isEqualTo(0xe3069283);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void doesNotSplitIntoNothing(int payloadBytes) {
    assertThatThrownBy(() -> SnapshotChunks.split(snapshot(1, 1), payloadBytes))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void countsTheBytesItHolds() throws WireFormatException {
    List<SnapshotChunk> chunks = SnapshotChunks.split(snapshot(1, 5), 10);

    assembler.accept(chunks.get(0));
    assembler.accept(chunks.get(1));

    assertThat(assembler.bytesHeld()).isEqualTo(20);
    assertThat(assembler.incomplete()).contains(new SnapshotId(RUN, 1, 5));
  }

  @Test
  void refusesASnapshotWhoseBeginningIsMissing() {
    List<SnapshotChunk> chunks = chunks(1, 5);

    assertRefused(Fault.MISSING_CHUNK, chunks.get(1));
    assertThat(assembler.incomplete()).isEmpty();
    assertRecovers();
  }

  @Test
  void givesUpASnapshotWithAChunkMissing() throws WireFormatException {
    List<SnapshotChunk> chunks = chunks(1, 5);
    assembler.accept(chunks.get(0));

    assertRefused(Fault.MISSING_CHUNK, chunks.get(2));
    assertThat(assembler.incomplete()).isEmpty();
    assertThat(assembler.bytesHeld()).isZero();
    assertRecovers();
  }

  @Test
  void refusesADuplicatedChunkAloneAndGoesOn() throws WireFormatException {
    Snapshot snapshot = snapshot(1, 5);
    List<SnapshotChunk> chunks = SnapshotChunks.split(snapshot, third(snapshot));
    assembler.accept(chunks.get(0));
    assembler.accept(chunks.get(1));

    assertRefused(Fault.DUPLICATED_CHUNK, chunks.get(0));
    assertRefused(Fault.DUPLICATED_CHUNK, chunks.get(1));

    assertThat(assembler.accept(chunks.get(2)).snapshot()).contains(snapshot);
  }

  /** Copies from two senders, one of which was taken for dead, mix: the one begun last counts. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void theCopyThatBeginsLastReplacesOthers(int seed) throws WireFormatException {
    Random random = new Random(seed);
    Snapshot old = snapshot(1, 5);
    Snapshot present = old.toBuilder().setWitness(random.nextBoolean()).setStep(5).build();
    List<SnapshotChunk> begun = new ArrayList<>(SnapshotChunks.split(old, 1 + third(old)));
    List<SnapshotChunk> whole = new ArrayList<>(SnapshotChunks.split(present, 20));
    assembler.accept(begun.remove(0));

    Optional<Snapshot> joined = assembler.accept(whole.remove(0)).snapshot();
    while (joined.isEmpty()) {
      if (!begun.isEmpty() && random.nextInt(4) == 0) {
        assertRefused(Fault.OTHER_COPY, begun.remove(0));
      } else {
        joined = assembler.accept(whole.remove(0)).snapshot();
      }
    }

    assertThat(joined).contains(present);
    assertThat(whole).isEmpty();
  }

  @Test
  void aWitnessYieldsToNoOtherSnapshotOfItsStep() throws WireFormatException {
    Snapshot witness = snapshot(1, 5).toBuilder().setWitness(true).build();
    List<SnapshotChunk> chunks = SnapshotChunks.split(witness, third(witness));
    assembler.accept(chunks.get(0));

    for (SnapshotChunk other : chunks(1, 5)) {
      assertRefused(Fault.OTHER_COPY, other);
    }

    assembler.accept(chunks.get(1));
    assertThat(assembler.accept(chunks.get(2)).snapshot()).contains(witness);
  }

  @Test
  void refusesAnOlderSnapshotWithinANewerOneAlone() throws WireFormatException {
    Snapshot newer = snapshot(1, 5);
    List<SnapshotChunk> chunks = SnapshotChunks.split(newer, third(newer));
    assembler.accept(chunks.get(0));
    assembler.accept(chunks.get(1));

    assertRefused(Fault.INTERLEAVED_CHUNK, chunks(1, 4).get(0));

    assertThat(assembler.accept(chunks.get(2)).snapshot()).contains(newer);
  }

  @Test
  void refusesAnotherRunAlone() throws WireFormatException {
    Snapshot snapshot = snapshot(1, 5);
    List<SnapshotChunk> chunks = SnapshotChunks.split(snapshot, third(snapshot));
    assembler.accept(chunks.get(0));
    assembler.accept(chunks.get(1));
    for (String other : new String[] {"a", "z", ""}) {
      SnapshotChunk foreign = chunks(1, 6).get(0).toBuilder().setRun(other).build();

      assertRefused(Fault.INVALID_CHUNK, foreign);
    }

    assertThat(assembler.accept(chunks.get(2)).snapshot()).contains(snapshot);
  }

  @Test
  void namesTheOlderSnapshotThatANewerOneReplaces() throws WireFormatException {
    assembler.accept(chunks(1, 5).get(0));

    Step byStep = assembler.accept(chunks(1, 6).get(0));
    Step byAttempt = assembler.accept(chunks(2, 1).get(0));

    assertThat(byStep.abandoned()).contains(new SnapshotId(RUN, 1, 5));
    assertThat(byAttempt.abandoned()).contains(new SnapshotId(RUN, 1, 6));
    assertThat(assembler.incomplete()).contains(new SnapshotId(RUN, 2, 1));
  }

  static List<SnapshotChunk> firstChunksThatCannotBe() {
    SnapshotChunk good = chunks(1, 5).get(0);
    return List.of(
        good.toBuilder().setCount(0).build(),
        good.toBuilder().setCount(-1).build(),
        good.toBuilder().setCount(Integer.MIN_VALUE).build(),
        good.toBuilder().setIndex(-1).build(),
        good.toBuilder().setIndex(good.getCount()).build(),
        good.toBuilder().setIndex(Integer.MAX_VALUE).setCount(Integer.MAX_VALUE).build(),
        // More than it announces, or less with the last chunk.
        good.toBuilder().setTotalBytes(good.getPayload().size() - 1).build(),
        good.toBuilder().setCount(1).build());
  }

  @ParameterizedTest
  @MethodSource("firstChunksThatCannotBe")
  void refusesChunksThatCannotBe(SnapshotChunk chunk) {
    assertRefused(Fault.INVALID_CHUNK, chunk);
    assertThat(assembler.bytesHeld()).isZero();
    assertRecovers();
  }

  @ParameterizedTest
  @ValueSource(longs = {MAX_BYTES + 1, Long.MAX_VALUE, Long.MIN_VALUE, -1})
  void refusesWhatIsTooLargeAtItsFirstChunk(long totalBytes) {
    SnapshotChunk huge = chunks(1, 5).get(0).toBuilder().setTotalBytes(totalBytes).build();

    assertRefused(Fault.TOO_LARGE, huge);
    assertThat(assembler.bytesHeld()).isZero();
    assertRecovers();
  }

  @Test
  void acceptsNoMoreThanAnArrayHoldsWhateverItIsTold() {
    SnapshotAssembler greedy = new SnapshotAssembler(RUN, Long.MAX_VALUE);
    SnapshotChunk huge = chunks(1, 5).get(0).toBuilder().setTotalBytes(1L << 31).build();

    assertThatThrownBy(() -> greedy.accept(huge))
        .isInstanceOfSatisfying(
            WireFormatException.class,
            refused -> assertThat(refused.fault()).isEqualTo(Fault.TOO_LARGE));
  }

  @Test
  void needsNoMemoryForWhatIsOnlyAnnounced() throws WireFormatException {
    SnapshotChunk empty =
        SnapshotChunk.newBuilder()
            .setRun(RUN)
            .setAttempt(1)
            .setStep(5)
            .setCount(Integer.MAX_VALUE)
            .setTotalBytes(MAX_BYTES)
            .build();

    for (int index = 0; index < 1000; index++) {
      assembler.accept(empty.toBuilder().setIndex(index).build());
    }

    assertThat(assembler.bytesHeld()).isZero();
    assertRecovers();
  }

  static List<SnapshotChunk> secondChunksThatDisagree() {
    SnapshotChunk good = chunks(1, 5).get(1);
    return List.of(
        good.toBuilder().setCount(good.getCount() + 1).build(),
        good.toBuilder().setTotalBytes(good.getTotalBytes() + 1).build(),
        good.toBuilder().setTotalCrc32C(good.getTotalCrc32C() + 1).build(),
        good.toBuilder().setWitness(true).build());
  }

  @ParameterizedTest
  @MethodSource("secondChunksThatDisagree")
  void givesUpASnapshotWhoseChunksDisagree(SnapshotChunk second) throws WireFormatException {
    assembler.accept(chunks(1, 5).get(0));

    assertRefused(Fault.INCONSISTENT_CHUNK, second);
    assertThat(assembler.incomplete()).isEmpty();
    assertRecovers();
  }

  @Test
  void givesUpASnapshotWithADamagedPayload() throws WireFormatException {
    List<SnapshotChunk> chunks = chunks(1, 5);
    assembler.accept(chunks.get(0));

    assertRefused(Fault.CHECKSUM_MISMATCH, flipped(chunks.get(1)));
    assertThat(assembler.incomplete()).isEmpty();
    assertRecovers();
  }

  @Test
  void givesUpASnapshotThatDoesNotMatchItsOwnChecksum() throws WireFormatException {
    for (SnapshotChunk chunk : chunks(1, 5)) {
      SnapshotChunk other = chunk.toBuilder().setTotalCrc32C(chunk.getTotalCrc32C() + 1).build();
      if (chunk.getIndex() == chunk.getCount() - 1) {
        assertRefused(Fault.CHECKSUM_MISMATCH, other);
      } else {
        assembler.accept(other);
      }
    }
    assertThat(assembler.incomplete()).isEmpty();
    assertRecovers();
  }

  @Test
  void refusesBytesThatAreNoSnapshot() {
    assertRefused(Fault.UNPARSEABLE, chunkOf(1, 5, ByteString.copyFromUtf8("\u0007no snapshot")));
    assertRecovers();
  }

  @Test
  void refusesASnapshotOtherThanTheChunksSay() {
    assertRefused(Fault.INCONSISTENT_CHUNK, chunkOf(1, 5, snapshot(1, 6).toByteString()));
    assertRefused(Fault.INCONSISTENT_CHUNK, chunkOf(1, 7, snapshot(2, 7).toByteString()));
    Snapshot foreign =
        snapshot(1, 8).toBuilder()
            .setHeader(RunHeader.newBuilder().setRun("other").setAttempt(1))
            .build();
    assertRefused(Fault.INCONSISTENT_CHUNK, chunkOf(1, 8, foreign.toByteString()));
    assertRecovers();
  }

  @Test
  void refusesASnapshotThatCallsItselfAWitnessOnlyOutside() {
    SnapshotChunk claimed =
        chunkOf(1, 5, snapshot(1, 5).toByteString()).toBuilder().setWitness(true).build();

    assertRefused(Fault.INCONSISTENT_CHUNK, claimed);
  }

  @Test
  void refusesTensorsThatDoNotFitTheirShapeAndNamesRunAndTensor() {
    Tensor bad =
        Tensor.newBuilder()
            .setName("hidden.1.weight")
            .setType(DataType.DATA_TYPE_FLOAT32)
            .addShape(2)
            .build();
    Snapshot inWeights = snapshot(1, 5).toBuilder().addWeights(bad).build();
    Snapshot inGradients = snapshot(1, 5).toBuilder().addGradients(bad).build();

    for (Snapshot snapshot : List.of(inWeights, inGradients)) {
      assertThatThrownBy(() -> assembler.accept(chunkOf(1, 5, snapshot.toByteString())))
          .isInstanceOfSatisfying(
              WireFormatException.class,
              refused -> assertThat(refused.fault()).isEqualTo(Fault.SHAPE_BYTES_MISMATCH))
          .hasMessageContaining("run run, attempt 1, step 5")
          .hasMessageContaining("'hidden.1.weight'");
    }
    assertRecovers();
  }

  @Test
  void saysInOneLineWhatIsWrongWithWhichChunk() {
    assertThatThrownBy(() -> assembler.accept(chunks(1, 5).get(2)))
        .hasMessage("run run, attempt 1, step 5: chunk 2 of 3 came where chunk 0 was due");
  }

  /**
   * Chunks of several snapshots in random order, with some lost, doubled, damaged or relabelled:
   * whatever comes out is what was put in, and a good snapshot afterwards comes out always.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void neverBringsOutAWrongSnapshot(int seed) throws WireFormatException {
    Random random = new Random(seed);
    int complete = 0;
    for (int round = 0; round < 500; round++) {
      SnapshotAssembler one = new SnapshotAssembler(RUN, MAX_BYTES);
      Map<SnapshotId, Snapshot> published = new HashMap<>();
      List<SnapshotChunk> stream = new ArrayList<>();
      for (int step = 0; step < 5; step++) {
        Snapshot snapshot = snapshot(1 + random.nextInt(2), step);
        published.put(SnapshotId.of(snapshot), snapshot);
        stream.addAll(SnapshotChunks.split(snapshot, 1 + random.nextInt(60)));
      }
      int faults = random.nextInt(12);
      for (int fault = 0; fault < faults; fault++) {
        disturb(stream, random);
      }
      for (SnapshotChunk chunk : stream) {
        try {
          Optional<Snapshot> out = one.accept(chunk).snapshot();
          if (out.isPresent()) {
            assertThat(out.get()).isEqualTo(published.get(SnapshotId.of(out.get())));
            complete++;
          }
        } catch (WireFormatException refused) {
          assertThat(refused.getMessage()).startsWith("run ").doesNotContain("\n");
        }
        assertThat(one.bytesHeld()).isLessThanOrEqualTo(MAX_BYTES);
      }
      Snapshot last = snapshot(9, 9);
      Optional<Snapshot> out = Optional.empty();
      for (SnapshotChunk chunk : SnapshotChunks.split(last, 50)) {
        out = one.accept(chunk).snapshot();
      }
      assertThat(out).contains(last);
    }
    assertThat(complete).isGreaterThan(500);
  }

  private static void disturb(List<SnapshotChunk> stream, Random random) {
    int at = random.nextInt(stream.size());
    SnapshotChunk chunk = stream.get(at);
    int other = random.nextInt(stream.size());
    switch (random.nextInt(7)) {
      case 0 -> {
        if (stream.size() > 1) {
          stream.remove(at);
        }
      }
      case 1 -> stream.add(other, chunk);
      case 2 -> stream.set(at, stream.set(other, chunk));
      case 3 -> stream.set(at, flipped(chunk));
      case 4 -> stream.set(at, chunk.toBuilder().setStep(random.nextInt(6)).build());
      case 5 -> stream.set(at, chunk.toBuilder().setCount(random.nextInt()).build());
      default ->
          // Bytes of one chunk with all else of another.
          stream.set(
              at,
              chunk.toBuilder()
                  .setPayload(stream.get(other).getPayload())
                  .setPayloadCrc32C(stream.get(other).getPayloadCrc32C())
                  .build());
    }
  }

  private void assertRefused(Fault fault, SnapshotChunk chunk) {
    assertThatThrownBy(() -> assembler.accept(chunk))
        .isInstanceOfSatisfying(
            WireFormatException.class, refused -> assertThat(refused.fault()).isEqualTo(fault));
  }

  private void assertRecovers() {
    Snapshot next = snapshot(4, 4);
    Optional<Snapshot> out = Optional.empty();
    try {
      for (SnapshotChunk chunk : SnapshotChunks.split(next, 20)) {
        out = assembler.accept(chunk).snapshot();
      }
    } catch (WireFormatException refused) {
      throw new AssertionError(refused);
    }
    assertThat(out).contains(next);
  }

  private static Snapshot snapshot(long attempt, long step) {
    return Snapshot.newBuilder()
        .setHeader(RunHeader.newBuilder().setRun(RUN).setAttempt(attempt))
        .setStep(step)
        .addWeights(
            Tensors.of(
                "hidden.1.weight", new long[] {2, 4}, new float[] {1, 2, 3, 4, 5, 6, 7, step}))
        .addGradients(
            Tensors.of("hidden.1.weight", new long[] {2, 2}, new double[] {attempt, 2, 3, 4}))
        .build();
  }

  private static int third(Snapshot snapshot) {
    return (snapshot.getSerializedSize() + 2) / 3;
  }

  /** The snapshot in three chunks. */
  private static List<SnapshotChunk> chunks(long attempt, long step) {
    Snapshot snapshot = snapshot(attempt, step);
    return SnapshotChunks.split(snapshot, third(snapshot));
  }

  private static SnapshotChunk chunkOf(long attempt, long step, ByteString bytes) {
    int crc = SnapshotChunks.crc32c(bytes);
    return SnapshotChunk.newBuilder()
        .setRun(RUN)
        .setAttempt(attempt)
        .setStep(step)
        .setCount(1)
        .setTotalBytes(bytes.size())
        .setTotalCrc32C(crc)
        .setPayloadCrc32C(crc)
        .setPayload(bytes)
        .build();
  }

  private static SnapshotChunk flipped(SnapshotChunk chunk) {
    byte[] bytes = chunk.getPayload().toByteArray();
    bytes[bytes.length / 2] ^= 0x10;
    return chunk.toBuilder().setPayload(ByteString.copyFrom(bytes)).build();
  }
}

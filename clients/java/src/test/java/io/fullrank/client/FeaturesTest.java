package io.fullrank.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.fullrank.proto.Tensors;
import java.security.MessageDigest;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The bytes of features are those of the wire contract's tensors. */
class FeaturesTest {

  @Test
  void areRowMajorAndLittleEndianHoweverTheyAreGiven() throws Exception {
    // Several pieces, and rows that do not end with them.
    int rows = 700;
    int columns = 801;
    float[] rowMajor = ExternalRunTest.matrix(rows, columns);
    float[][] matrix =
        IntStream.range(0, rows)
            .mapToObj(i -> java.util.Arrays.copyOfRange(rowMajor, i * columns, (i + 1) * columns))
            .toArray(float[][]::new);
    ByteString expected = Tensors.of("", new long[] {rows, columns}, rowMajor).getData();

    Features features = Features.of(rowMajor, rows, columns);

    assertThat(ExternalRunTest.joined(features)).isEqualTo(expected);
    assertThat(ExternalRunTest.joined(Features.of(matrix))).isEqualTo(expected);
    assertThat(features.bytes()).isEqualTo(expected.size());
    assertThat(features.sha256().toByteArray())
        .isEqualTo(MessageDigest.getInstance("SHA-256").digest(expected.toByteArray()));
  }

  @Test
  void mayBeOfDoubles() {
    double[] values = {1, -2.5, 1e300, Double.MIN_VALUE};

    assertThat(ExternalRunTest.joined(Features.of(values, 2, 2)))
        .isEqualTo(Tensors.of("", new long[] {2, 2}, values).getData());
  }

  @Test
  void nameTheFirstEntryThatIsNotFinite() {
    assertThat(Features.of(new float[][] {{1, 2}, {3, Float.POSITIVE_INFINITY}}).fault())
        .contains("the entry in row 1, column 1 is not finite");
    assertThat(Features.of(new double[] {Double.NaN, 1}, 1, 2).fault())
        .contains("the entry in row 0, column 0 is not finite");
    assertThat(Features.of(new float[] {1, 2}, 1, 2).fault()).isEmpty();
  }

  @Test
  void haveAShape() {
    assertThatThrownBy(() -> Features.of(new float[][] {{1, 2}, {3}}))
        .hasMessage("features: row 1 has 1 entries, row 0 has 2");
    assertThatThrownBy(() -> Features.of(new float[5], 2, 3))
        .hasMessage("features: 2×3 asks for 6 entries, there are 5");
    assertThatThrownBy(() -> Features.of(new float[0][]))
        .hasMessage("features: a matrix of 0×0 has no entries");
  }
}

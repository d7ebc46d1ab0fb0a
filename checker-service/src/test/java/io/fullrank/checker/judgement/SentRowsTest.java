package io.fullrank.checker.judgement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SentRowsTest {

  private static final Tensor SENT =
      Tensors.of("features", new long[] {2, 3}, new float[] {1, 2, 3, 4, 5, 6});

  @Test
  void readsAnyPartOfARowAndTheOnes() {
    SentRows rows = new SentRows(SENT);
    double[] into = new double[5];

    rows.getRow(1, 1, into, 1, 3);

    assertThat(rows.rows()).isEqualTo(2);
    assertThat(rows.columns()).isEqualTo(4);
    assertThat(into).containsExactly(0, 5, 6, 1, 0);
  }

  @ParameterizedTest
  @CsvSource({"1099511627776, 1099511627776", "-2, -3", "2, 4", "0, 0"})
  void refusesBytesThatAreNotOfTheShape(long rows, long columns) {
    Tensor other = SENT.toBuilder().clearShape().addShape(rows).addShape(columns).build();

    assertThatIllegalArgumentException()
        .isThrownBy(() -> new SentRows(other))
        .withMessage("24 bytes are no DATA_TYPE_FLOAT32 of shape %d x %d".formatted(rows, columns));
  }
}

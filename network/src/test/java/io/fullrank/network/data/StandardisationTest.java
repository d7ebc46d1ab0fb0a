package io.fullrank.network.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.data.sample.ChannelStatistics;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetSpec;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class StandardisationTest {

  private static final ImageShape SHAPE = new ImageShape(2, 2, 2);
  private static final byte[] PIXELS = {
    0, (byte) 255, 10, 20, 5, 5, 100, 7, (byte) 128, 1, 30, 40, 5, 6, (byte) 200, (byte) 250
  };

  /** src/test/oracle/standardise.py. */
  private static final float[] STANDARDISED = {
    -0.7288098931312561f, 2.3430333137512207f, -0.6083454489707947f, -0.48788100481033325f,
    -0.7143576741218567f, -0.7143576741218567f, 0.29477211833000183f, -0.6931127905845642f,
    0.813135027885437f, -0.716763436794281f, -0.3674165606498718f, -0.2469521015882492f,
    -0.7143576741218567f, -0.7037352323532104f, 1.3570139408111572f, 1.8881348371505737f
  };

  private final Samples pixels = Samples.ofPixels(SHAPE, PIXELS, new int[2]);
  private final Samples floats = Samples.of(SHAPE, pixels.values(), new int[2]);

  @Test
  void matchesTheOracleInBothForms() {
    for (Samples samples : List.of(pixels, floats)) {
      List<ChannelStatistics> statistics = samples.statistics();
      assertThat(statistics.get(0).mean()).isCloseTo(0.2372549069696106, within(1e-15));
      assertThat(statistics.get(1).mean()).isCloseTo(0.28333333623595536, within(1e-15));
      assertThat(statistics.get(0).deviation()).isCloseTo(0.32553744299469356, within(1e-15));
      assertThat(statistics.get(1).deviation()).isCloseTo(0.36917851212905006, within(1e-15));
      assertThat(samples.standardised(statistics).values())
          .containsExactly(STANDARDISED, within(1e-7f));
    }
    // Both are rounded once, from statistics that agree to within some units in the last place.
    assertThat(pixels.standardised(pixels.statistics()).values())
        .containsExactly(floats.standardised(pixels.statistics()).values());
  }

  @Test
  void testRowsAreStandardisedLikeTrainingRowsAndTheIdentityTells() {
    DataSet plain = load(false);
    DataSet standardised = load(true);
    List<ChannelStatistics> statistics = plain.train().statistics();
    assertThat(standardised.train().values())
        .isEqualTo(plain.train().standardised(statistics).values());
    assertThat(standardised.test().values())
        .isEqualTo(plain.test().standardised(statistics).values());
    ChannelStatistics after = standardised.train().statistics().get(0);
    assertThat(after.mean()).isCloseTo(0, within(1e-6));
    assertThat(after.deviation()).isCloseTo(1, within(1e-6));
    assertThat(standardised.identity().getTrainSha256())
        .isEqualTo(load(true).identity().getTrainSha256())
        .isNotEqualTo(plain.identity().getTrainSha256());
    assertThat(standardised.identity().toBuilder().clearTrainSha256().build())
        .isEqualTo(plain.identity().toBuilder().clearTrainSha256().build());
  }

  @Test
  void refusesAChannelWithoutDifferences() {
    Samples flat =
        Samples.ofPixels(new ImageShape(2, 1, 2), new byte[] {1, 2, 7, 7, 3, 4, 7, 7}, new int[2]);
    assertThatThrownBy(() -> DataSets.standardise("x", new DataSets.Rows(2, flat, flat)))
        .isInstanceOf(DataSetException.class)
        .hasMessage(
            "x: channel 1 is the same in all training rows and cannot be standardised; leave out"
                + " dataset.standardise");
  }

  private static DataSet load(boolean standardise) {
    return DataSets.load(
        DataSetSpec.newBuilder()
            .setName("strokes")
            .setTrainSize(50)
            .setTestSize(20)
            .setStandardise(standardise)
            .build(),
        Path.of("no-such-directory"));
  }
}

package io.fullrank.network.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.activation.ActivationChoice;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.description.Values;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.MultiPrecision;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.NetworkSpec;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * The bounded forward pass of every architecture with every activation, against one with 60 digits.
 * With {@code -Dfullrank.enclosed.networks=N} it goes over at least N networks.
 */
class EnclosedNetworksTest {

  private static final int NETWORKS = Integer.getInteger("fullrank.enclosed.networks", 36);
  private static final ImageShape SHAPE = new ImageShape(2, 5, 4);
  private static final int ROWS = 3;

  @Test
  void noErrorExceedsItsBound() {
    Map<String, List<Double>> overestimates = new TreeMap<>();
    int networks = 0;
    for (long seed = 0; networks < NETWORKS; seed++) {
      for (Architecture architecture : Architectures.ALL) {
        for (ActivationChoice activation : Activations.ALL) {
          networks++;
          Random random = new Random(1000 * seed + networks);
          NetworkSpec spec = spec(architecture, activation(activation, random), random);
          check(architecture, activation, spec, random, overestimates);
        }
      }
    }
    System.out.printf("%d networks: bound over error, median and least%n", networks);
    overestimates.forEach(
        (kind, ratios) -> {
          ratios.sort(null);
          System.out.printf(
              "  %-40s %8d numbers %12.1f %8.2f%n",
              kind, ratios.size(), ratios.get(ratios.size() / 2), ratios.get(0));
          // A bound that is far above every error would be of no use.
          if (kind.startsWith("all, ")) {
            assertThat(ratios.get(ratios.size() / 2)).as(kind).isLessThan(1e5);
          }
        });
  }

  private static void check(
      Architecture architecture,
      ActivationChoice activation,
      NetworkSpec spec,
      Random random,
      Map<String, List<Double>> overestimates) {
    Network network = Network.of(spec, SHAPE, 2);
    Parameters parameters = parameters(network, random);
    float[] inputs = new float[ROWS * SHAPE.inputs()];
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = (float) (random.nextGaussian() * Math.scalb(1.0, random.nextInt(8) - 6));
    }
    Samples samples = Samples.of(SHAPE, inputs, new int[ROWS]);
    MultiPrecisionNetwork exact = new MultiPrecisionNetwork(spec, SHAPE, parameters);
    BigDecimal[][] features = new BigDecimal[ROWS][];
    for (int row = 0; row < ROWS; row++) {
      float[] values = new float[SHAPE.inputs()];
      samples.copyRow(row, values, 0);
      features[row] = exact.features(values);
    }
    for (Precision precision : Precision.values()) {
      Enclosures enclosed = network.enclose(parameters, samples, 0, ROWS, precision);
      assertThat(enclosed.numbers()).isEqualTo(network.features());
      for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < network.features(); i++) {
          Enclosure feature = enclosed.get(i, row);
          assertThat(MultiPrecision.encloses(feature, features[row][i]))
              .as("%s in %s: %s, exactly %s", spec, precision, feature, features[row][i])
              .isTrue();
          double error = MultiPrecision.error(features[row][i], feature).doubleValue();
          if (error > 1e-44) {
            for (String kind :
                List.of(architecture.choice().key(), activation.choice().key(), "all")) {
              overestimates
                  .computeIfAbsent(kind + ", " + precision.words(), key -> new ArrayList<>())
                  .add(feature.radius() / error);
            }
          }
        }
      }
    }
  }

  private static Activation activation(ActivationChoice choice, Random random) {
    Activation.Builder activation = Activation.newBuilder();
    Map<String, Object> values = new TreeMap<>();
    choice
        .choice()
        .parameters()
        .forEach(parameter -> values.put(parameter.key(), Math.scalb(1.0, random.nextInt(8))));
    choice.choice().choose(activation, new Values(values));
    return activation.build();
  }

  /** A small network of an architecture; a new architecture needs a line here. */
  private static NetworkSpec spec(Architecture architecture, Activation activation, Random random) {
    long width = 2 + random.nextInt(5);
    long layers = 1 + random.nextInt(4);
    List<Map<String, Object>> stages =
        List.of(
            Map.of("blocks", 1L, "channels", 2L, "stride", 1L),
            Map.of("blocks", 1L, "channels", 1 + layers, "stride", 2L));
    Map<String, Object> own =
        switch (architecture.choice().key()) {
          case "fully-connected" -> Map.of("widths", List.of(width, 3L, 2 * width));
          case "resnet" -> Map.of("stages", stages, "wide", random.nextBoolean() ? width : 0L);
          // It stands for a resnet of wider stages.
          case "resnet-18" -> Map.of("width", 1.0 / 64, "wide", width);
          case "du-fully-connected" -> Map.of("width", width, "layers", layers);
          case "du-resnet", "du-conv-resnet" ->
              Map.of("width", width, "layers", layers, "residual-constant", 0.5);
          default -> throw new AssertionError("give a small " + architecture.choice().key());
        };
    Map<String, Object> values = new TreeMap<>(own);
    architecture
        .choice()
        .parameters()
        .forEach(
            parameter -> {
              switch (parameter.key()) {
                case "activation" -> values.put("activation", activation);
                case "initialization" -> values.put("initialization", "he");
                case "without-bias" -> values.put("without-bias", random.nextBoolean());
                default -> assertThat(values).containsKey(parameter.key());
              }
            });
    NetworkSpec.Builder spec = NetworkSpec.newBuilder();
    architecture.choice().choose(spec, architecture.spelledOut().apply(new Values(values)));
    return spec.build();
  }

  /** Drawn as for training, with all that starts at 0 or 1 moved. */
  private static Parameters parameters(Network network, Random random) {
    Parameters parameters = network.initialParameters(random.nextLong());
    for (ParameterLayout.Slot slot : network.layout().slots()) {
      for (int i = slot.offset(); i < slot.offset() + slot.length(); i++) {
        double moved =
            slot.role().equals("running-variance")
                ? Math.exp(2 * random.nextGaussian())
                : parameters.values().get(i) + 0.3 * random.nextGaussian();
        parameters.values().put(i, (float) moved);
      }
    }
    return parameters;
  }
}

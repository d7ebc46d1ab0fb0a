package io.fullrank.network.architecture;

import static io.fullrank.network.enclosure.MultiPrecision.DIGITS;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.enclosure.MultiPrecision;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.Stage;
import java.math.BigDecimal;
import java.nio.FloatBuffer;
import java.util.function.UnaryOperator;

/**
 * The features of networks with 60 digits, written from the definitions of the networks: picture
 * after picture, without any of the layers that are tested.
 */
final class MultiPrecisionNetwork {

  private static final BigDecimal EPSILON = new BigDecimal(1e-5);

  /** e^−200 is below all errors that are looked at. */
  private static final BigDecimal FAR = BigDecimal.valueOf(200);

  /** Numbers of a sample, [line][column][channel]. */
  private record Picture(BigDecimal[][][] at) {
    int height() {
      return at.length;
    }

    int width() {
      return at[0].length;
    }

    int channels() {
      return at[0][0].length;
    }

    Picture each(UnaryOperator<BigDecimal> map) {
      Picture result = zeros(height(), width(), channels());
      for (int y = 0; y < height(); y++) {
        for (int x = 0; x < width(); x++) {
          for (int c = 0; c < channels(); c++) {
            result.at[y][x][c] = map.apply(at[y][x][c]);
          }
        }
      }
      return result;
    }

    Picture plus(Picture other) {
      Picture result = zeros(height(), width(), channels());
      for (int y = 0; y < height(); y++) {
        for (int x = 0; x < width(); x++) {
          for (int c = 0; c < channels(); c++) {
            result.at[y][x][c] = at[y][x][c].add(other.at[y][x][c], DIGITS);
          }
        }
      }
      return result;
    }
  }

  private final NetworkSpec spec;
  private final ImageShape shape;
  private final Parameters parameters;

  MultiPrecisionNetwork(NetworkSpec spec, ImageShape shape, Parameters parameters) {
    this.spec = spec;
    this.shape = shape;
    this.parameters = parameters;
  }

  /** The features of one row. */
  BigDecimal[] features(float[] row) {
    Picture features =
        switch (spec.getArchitectureCase()) {
          case FULLY_CONNECTED -> fullyConnected(spec.getFullyConnected(), row);
          case RESIDUAL -> residual(spec.getResidual(), row);
          case DU -> du(spec.getDu(), row);
          default -> throw new AssertionError("write down how to compute " + spec);
        };
    BigDecimal[] flat = new BigDecimal[features.height() * features.width() * features.channels()];
    int next = 0;
    for (BigDecimal[][] line : features.at) {
      for (BigDecimal[] pixel : line) {
        for (BigDecimal number : pixel) {
          flat[next++] = number;
        }
      }
    }
    return flat;
  }

  private Picture fullyConnected(FullyConnected network, float[] row) {
    Picture h = vector(row);
    for (int k = 1; k <= network.getWidthsCount(); k++) {
      int width = network.getWidths(k - 1);
      h =
          network.getWithoutBias()
              ? convolution("hidden." + k, h, width, 1, 1)
                  .each(z -> sigma(network.getActivation(), z))
              : dense("hidden." + k, h, width, network.getActivation());
    }
    return h;
  }

  private Picture residual(ResidualNetwork network, float[] row) {
    Activation activation = network.getActivation();
    Picture h = convolution("stem", picture(row), network.getStages(0).getChannels(), 3, 1);
    for (int k = 1; k <= network.getStagesCount(); k++) {
      Stage stage = network.getStages(k - 1);
      for (int b = 1; b <= stage.getBlocks(); b++) {
        String name = "stage.%d.block.%d.".formatted(k, b);
        int stride = b == 1 ? stage.getStride() : 1;
        Picture first = normalised(name + "norm.1", h, activation);
        Picture shortcut =
            stride == 1 && stage.getChannels() == h.channels()
                ? h
                : convolution(name + "projection", first, stage.getChannels(), 1, stride);
        Picture middle = convolution(name + "convolution.1", first, stage.getChannels(), 3, stride);
        Picture second = normalised(name + "norm.2", middle, activation);
        h = convolution(name + "convolution.2", second, stage.getChannels(), 3, 1).plus(shortcut);
      }
    }
    h = normalised("norm", h, activation);
    Picture pooled = zeros(1, 1, h.channels());
    for (int c = 0; c < h.channels(); c++) {
      BigDecimal sum = BigDecimal.ZERO;
      for (BigDecimal[][] line : h.at) {
        for (BigDecimal[] pixel : line) {
          sum = sum.add(pixel[c], DIGITS);
        }
      }
      pooled.at[0][0][c] = sum.divide(BigDecimal.valueOf(h.height() * h.width()), DIGITS);
    }
    return network.getWide() == 0 ? pooled : dense("wide", pooled, network.getWide(), activation);
  }

  private Picture du(DuNetwork network, float[] row) {
    boolean pictures = network.getForm() == DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL;
    boolean residual = network.getForm() != DuForm.DU_FORM_FULLY_CONNECTED;
    int m = network.getWidth();
    Activation activation = network.getActivation();
    double moment = OverparameterizedNetwork.secondMoment(ActivationFunction.of(activation));
    BigDecimal first = new BigDecimal((float) Math.sqrt(1 / (moment * m)));
    BigDecimal later =
        residual
            ? new BigDecimal(
                (float) (network.getResidualConstant() / (network.getLayers() * Math.sqrt(m))))
            : first;
    Picture h = pictures ? picture(row) : vector(row);
    for (int layer = 1; layer <= network.getLayers(); layer++) {
      BigDecimal factor = layer == 1 ? first : later;
      Picture scaled =
          convolution("hidden." + layer, h, m, pictures ? 3 : 1, 1)
              .each(z -> sigma(activation, z).multiply(factor, DIGITS));
      h = residual && layer > 1 ? h.plus(scaled) : scaled;
    }
    return h;
  }

  private Picture dense(String name, Picture x, int width, Activation activation) {
    Picture z = convolution(name, x, width, 1, 1);
    FloatBuffer bias = parameters.values(name + ".bias");
    for (int j = 0; j < width; j++) {
      z.at[0][0][j] = sigma(activation, z.at[0][0][j].add(new BigDecimal(bias.get(j)), DIGITS));
    }
    return z;
  }

  private Picture convolution(String name, Picture x, int channels, int kernel, int stride) {
    FloatBuffer weight = parameters.values(name + ".weight");
    Picture y = zeros((x.height() - 1) / stride + 1, (x.width() - 1) / stride + 1, channels);
    for (int line = 0; line < y.height(); line++) {
      for (int column = 0; column < y.width(); column++) {
        for (int o = 0; o < channels; o++) {
          BigDecimal sum = BigDecimal.ZERO;
          for (int dy = 0; dy < kernel; dy++) {
            for (int dx = 0; dx < kernel; dx++) {
              int fromLine = line * stride + dy - kernel / 2;
              int fromColumn = column * stride + dx - kernel / 2;
              if (fromLine < 0
                  || fromLine >= x.height()
                  || fromColumn < 0
                  || fromColumn >= x.width()) {
                continue;
              }
              for (int i = 0; i < x.channels(); i++) {
                float w = weight.get(((dy * kernel + dx) * x.channels() + i) * channels + o);
                sum = sum.add(x.at[fromLine][fromColumn][i].multiply(new BigDecimal(w)), DIGITS);
              }
            }
          }
          y.at[line][column][o] = sum;
        }
      }
    }
    return y;
  }

  private Picture normalised(String name, Picture x, Activation activation) {
    Picture y = zeros(x.height(), x.width(), x.channels());
    for (int c = 0; c < x.channels(); c++) {
      BigDecimal mean = new BigDecimal(parameters.values(name + ".running-mean").get(c));
      BigDecimal deviation =
          new BigDecimal(parameters.values(name + ".running-variance").get(c))
              .add(EPSILON)
              .sqrt(DIGITS);
      BigDecimal scale = new BigDecimal(parameters.values(name + ".scale").get(c));
      BigDecimal shift = new BigDecimal(parameters.values(name + ".shift").get(c));
      for (int line = 0; line < x.height(); line++) {
        for (int column = 0; column < x.width(); column++) {
          BigDecimal z =
              x.at[line][column][c]
                  .subtract(mean)
                  .multiply(scale, DIGITS)
                  .divide(deviation, DIGITS)
                  .add(shift, DIGITS);
          y.at[line][column][c] = sigma(activation, z);
        }
      }
    }
    return y;
  }

  private static BigDecimal sigma(Activation activation, BigDecimal z) {
    String key = Activations.chosenBy(activation).orElseThrow().choice().key();
    return switch (key) {
      case "softplus" -> softplus(new BigDecimal(activation.getSoftplus().getSharpness()), z);
      case "tanh" -> {
        BigDecimal twice = z.add(z);
        yield sigmoid(twice).subtract(sigmoid(twice.negate()));
      }
      case "sigmoid" -> sigmoid(z);
      case "swish" -> z.multiply(sigmoid(z), DIGITS);
      case "gelu" -> z.multiply(MultiPrecision.normalDistribution(z), DIGITS);
      case "relu" -> z.max(BigDecimal.ZERO);
      default -> throw new AssertionError("write down how to compute " + key);
    };
  }

  private static BigDecimal sigmoid(BigDecimal z) {
    if (z.abs().compareTo(FAR) > 0) {
      return z.signum() < 0 ? BigDecimal.ZERO : BigDecimal.ONE;
    }
    return BigDecimal.ONE.divide(BigDecimal.ONE.add(MultiPrecision.exp(z.negate())), DIGITS);
  }

  private static BigDecimal softplus(BigDecimal sharpness, BigDecimal z) {
    BigDecimal y = z.multiply(sharpness, DIGITS);
    if (y.abs().compareTo(FAR) > 0) {
      return z.max(BigDecimal.ZERO);
    }
    return MultiPrecision.ln(BigDecimal.ONE.add(MultiPrecision.exp(y))).divide(sharpness, DIGITS);
  }

  private Picture vector(float[] row) {
    Picture picture = zeros(1, 1, row.length);
    for (int i = 0; i < row.length; i++) {
      picture.at[0][0][i] = new BigDecimal(row[i]);
    }
    return picture;
  }

  private Picture picture(float[] row) {
    Picture picture = zeros(shape.height(), shape.width(), shape.channels());
    int next = 0;
    for (int c = 0; c < shape.channels(); c++) {
      for (int y = 0; y < shape.height(); y++) {
        for (int x = 0; x < shape.width(); x++) {
          picture.at[y][x][c] = new BigDecimal(row[next++]);
        }
      }
    }
    return picture;
  }

  private static Picture zeros(int height, int width, int channels) {
    return new Picture(new BigDecimal[height][width][channels]);
  }
}

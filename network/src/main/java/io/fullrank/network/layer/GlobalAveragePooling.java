package io.fullrank.network.layer;

import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.util.List;

/**
 * The mean over the pixels of each channel.
 *
 * @param input what it reads
 */
public record GlobalAveragePooling(Volume input) implements Layer {

  /** Numbers that take some ten microseconds to go over. */
  private static final int PART_NUMBERS = 1 << 15;

  @Override
  public Volume output() {
    return Volume.vector(input.channels());
  }

  @Override
  public boolean analytic() {
    return true;
  }

  @Override
  public void declare(ParameterLayout.Builder layout) {
    // No parameters.
  }

  @Override
  public LayerPass evaluationPass(int maxSamples, Scratch scratch) {
    return trainingPass(maxSamples, scratch);
  }

  @Override
  public LayerPass trainingPass(int maxSamples, Scratch scratch) {
    return new Pass();
  }

  @Override
  public void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision) {
    Enclosure pixels = Enclosure.of(input.pixels());
    for (int channel = 0; channel < input.channels(); channel++) {
      for (int sample = 0; sample < x.samples(); sample++) {
        Enclosure sum = x.get(channel, sample);
        for (int pixel = 1; pixel < input.pixels(); pixel++) {
          sum = sum.plus(x.get(pixel * input.channels() + channel, sample));
        }
        y.set(channel, sample, sum.dividedBy(pixels));
      }
    }
  }

  private final class Pass implements LayerPass {
    private final int channels = input.channels();
    private final int leastSamples = PART_NUMBERS / input.numbers() + 1;
    private final List<float[]> samples = Parts.memory(() -> new float[input.numbers()]);
    private final List<float[]> means = Parts.memory(() -> new float[channels]);

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      Parts.forEach(
          y.rows(),
          leastSamples,
          (part, first, end) -> forward(x, y, first, end, samples.get(part), means.get(part)));
    }

    private void forward(
        FloatMatrix x, FloatMatrix y, int first, int end, float[] sample, float[] mean) {
      for (int index = first; index < end; index++) {
        x.values().get(index * sample.length, sample);
        for (int c = 0; c < channels; c++) {
          double sum = 0;
          for (int i = c; i < sample.length; i += channels) {
            sum += sample[i];
          }
          mean[c] = (float) (sum / input.pixels());
        }
        y.values().put(index * channels, mean);
      }
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      // No parameters.
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      Parts.forEach(
          dy.rows(),
          leastSamples,
          (part, first, end) ->
              addInputGradient(dy, dx, first, end, samples.get(part), means.get(part)));
    }

    private void addInputGradient(
        FloatMatrix dy, FloatMatrix dx, int first, int end, float[] sample, float[] mean) {
      for (int index = first; index < end; index++) {
        dy.values().get(index * channels, mean);
        dx.values().get(index * sample.length, sample);
        for (int c = 0; c < channels; c++) {
          float share = mean[c] / input.pixels();
          for (int i = c; i < sample.length; i += channels) {
            sample[i] += share;
          }
        }
        dx.values().put(index * sample.length, sample);
      }
    }
  }
}

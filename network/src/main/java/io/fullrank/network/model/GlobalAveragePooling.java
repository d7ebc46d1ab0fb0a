package io.fullrank.network.model;

/**
 * The mean over the pixels of each channel.
 *
 * @param input what it reads
 */
record GlobalAveragePooling(Volume input) implements Layer {

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
  public LayerPass evaluationPass(int maxSamples) {
    return trainingPass(maxSamples);
  }

  @Override
  public LayerPass trainingPass(int maxSamples) {
    return new Pass();
  }

  private final class Pass implements LayerPass {
    private final int channels = input.channels();
    private final float[] sample = new float[input.numbers()];
    private final float[] mean = new float[channels];

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      for (int index = 0; index < y.rows(); index++) {
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
      for (int index = 0; index < dy.rows(); index++) {
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

package io.fullrank.network.architecture;

import io.fullrank.network.tensor.Gaussian;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Initialization;
import java.nio.FloatBuffer;
import java.util.SplittableRandom;

/**
 * How initial weights are drawn. Fan-in is the number of weights of an output; fan-out, of an
 * input.
 */
enum WeightInitialization {
  /**
   * N(0, g/fan-in) with g = 2 before a rectifier, which the other activations are taken for, and 1
   * in the output layer: He, Zhang, Ren, Sun, <i>Delving Deep into Rectifiers</i>, ICCV 2015, §2.2.
   */
  HE,
  /**
   * Uniform on [−a, a], a² = 6/(fan-in + fan-out): Glorot, Bengio, <i>Understanding the difficulty
   * of training deep feedforward neural networks</i>, AISTATS 2010, eq. 16.
   */
  GLOROT,
  /** N(0, 1): DLLWZ18, §3. */
  STANDARD_NORMAL;

  /**
   * Returns what a specification asks for; He's if it asks for nothing.
   *
   * @throws IllegalArgumentException if it is unknown
   */
  static WeightInitialization of(Initialization initialization) {
    return switch (initialization) {
      case INITIALIZATION_UNSPECIFIED, INITIALIZATION_HE -> HE;
      case INITIALIZATION_GLOROT -> GLOROT;
      case UNRECOGNIZED ->
          throw new IllegalArgumentException("network: the initialization is unknown");
    };
  }

  /**
   * Initial parameters for a seed: weights as drawn, biases, shifts and running means 0, scales and
   * running variances 1.
   */
  Parameters parameters(ParameterLayout layout, long seed) {
    Parameters parameters = Parameters.zeros(layout);
    Gaussian gaussian = new Gaussian(seed);
    SplittableRandom uniform = new SplittableRandom(seed);
    for (Slot slot : layout.slots()) {
      FloatBuffer values = parameters.values(slot);
      switch (slot.role()) {
        case "weight" -> {
          double outputs = slot.shape().get(slot.shape().size() - 1);
          double inputs = slot.shape().get(slot.shape().size() - 2);
          double fanIn = slot.length() / outputs;
          double fanOut = slot.length() / inputs;
          double gain = slot.offset() < layout.hiddenLength() ? 2 : 1;
          for (int i = 0; i < slot.length(); i++) {
            values.put(
                i,
                (float)
                    switch (this) {
                      case HE -> Math.sqrt(gain / fanIn) * gaussian.next();
                      case GLOROT ->
                          Math.sqrt(6 / (fanIn + fanOut)) * (2 * uniform.nextDouble() - 1);
                      case STANDARD_NORMAL -> gaussian.next();
                    });
          }
        }
        case "scale", "running-variance" -> {
          for (int i = 0; i < slot.length(); i++) {
            values.put(i, 1);
          }
        }
        default -> {
          // Zeros already.
        }
      }
    }
    return parameters;
  }
}

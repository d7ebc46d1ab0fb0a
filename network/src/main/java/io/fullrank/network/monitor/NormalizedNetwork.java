package io.fullrank.network.monitor;

import io.fullrank.network.architecture.FeaturePass;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Loss;
import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A network divided by the norms of its layers (PBL20; LMBHP18): with weights W_k = ρ_kV_k, ‖V_k‖_F
 * = 1, and ρ = Πρ_k it has the outputs f_W/ρ, which for a homogeneous network are those of the
 * network with the weights V_k, f_V. For any other network they are f_W/ρ and nothing more: {@link
 * #homogeneous} says which. All of it is computed in floating point, and nothing is proven.
 *
 * <p>Under gradient flow on a homogeneous network ρ_k² grows by the same amount in every layer (for
 * exponential-type losses: PBL20, Lemma 1).
 */
public final class NormalizedNetwork {

  private static final int BLOCK_ROWS = 256;

  private final Network network;
  private final Parameters parameters;
  private final Map<String, Double> norms = new LinkedHashMap<>();
  private final double product;
  private final boolean homogeneous;

  /**
   * Takes the norms.
   *
   * @param parameters (input) θ and statistics, which stay as they are while this is used
   */
  public NormalizedNetwork(Network network, Parameters parameters) {
    this.network = network;
    this.parameters = parameters;
    for (Slot slot : network.layout().trainedSlots()) {
      if (slot.role().equals("weight")) {
        norms.put(slot.layer(), norm(parameters.values(slot)));
      }
    }
    this.product = norms.values().stream().reduce(1.0, (a, b) -> a * b);
    FloatBuffer bias = parameters.affineLayer(ParameterLayout.OUTPUT_LAYER).bias();
    this.homogeneous = network.homogeneous() && norm(bias) == 0;
  }

  private static double norm(FloatBuffer values) {
    double squares = 0;
    for (int i = 0; i < values.capacity(); i++) {
      squares += (double) values.get(i) * values.get(i);
    }
    return Math.sqrt(squares);
  }

  /** Returns ρ_k = ‖W_k‖_F of the weights of each layer, without biases, in order. */
  public Map<String, Double> norms() {
    return Collections.unmodifiableMap(norms);
  }

  /** Returns ρ, the product of the norms. */
  public double product() {
    return product;
  }

  /** Returns whether f_W/ρ = f_V exactly, in exact arithmetic. */
  public boolean homogeneous() {
    return homogeneous;
  }

  /**
   * Returns how far from equal the growth of ρ_k² is over the layers: its largest value less its
   * least, divided by its largest magnitude; 0 where nothing has grown. Gradient flow on a
   * homogeneous network keeps it 0, and steps of finite size do not.
   *
   * @param initial the same network at its initial weights
   */
  public double imbalance(NormalizedNetwork initial) {
    double least = Double.POSITIVE_INFINITY;
    double most = Double.NEGATIVE_INFINITY;
    for (String layer : norms.keySet()) {
      double growth = growth(initial, layer);
      least = Math.min(least, growth);
      most = Math.max(most, growth);
    }
    double magnitude = Math.max(Math.abs(least), Math.abs(most));
    return magnitude > 0 ? (most - least) / magnitude : 0;
  }

  /** Returns ρ_k² less its initial value. */
  public double growth(NormalizedNetwork initial, String layer) {
    double before = initial.norms.get(layer);
    double now = norms.get(layer);
    return now * now - before * before;
  }

  /**
   * What f_W/ρ makes of some rows.
   *
   * @param margins of each row: the output of its label less the largest of the others
   * @param crossEntropy its mean softmax cross-entropy
   */
  public record Outputs(Quantiles margins, double crossEntropy) {}

  /**
   * Computes margins and cross-entropy.
   *
   * @param samples at least one row of the network's input size
   * @throws IllegalStateException if a layer's weights are all 0
   */
  public Outputs on(Samples samples) {
    if (product == 0) {
      throw new IllegalStateException("a layer has only weights of 0, so that it has no direction");
    }
    LossFunction loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY);
    FeaturePass pass = network.featurePass(BLOCK_ROWS);
    FloatMatrix x = FloatMatrix.zeros(BLOCK_ROWS, network.inputs());
    FloatMatrix outputs = FloatMatrix.zeros(BLOCK_ROWS, network.classes());
    int[] labels = samples.labels();
    double[] margins = new double[labels.length];
    double[] row = new double[network.classes()];
    double sum = 0;
    for (int first = 0; first < labels.length; first += BLOCK_ROWS) {
      int count = Math.min(BLOCK_ROWS, labels.length - first);
      samples.copyRows(first, count, x.values());
      FloatMatrix features = pass.forward(parameters, x.rows(0, count));
      parameters
          .affineLayer(ParameterLayout.OUTPUT_LAYER)
          .forward(features, outputs.rows(0, count));
      for (int i = 0; i < count; i++) {
        int label = labels[first + i];
        double other = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < row.length; k++) {
          row[k] = outputs.values().get(i * row.length + k) / product;
          other = k == label ? other : Math.max(other, row[k]);
        }
        margins[first + i] = row[label] - other;
        sum += loss.value(row, label, row);
      }
    }
    return new Outputs(new Quantiles(margins), sum / labels.length);
  }
}

package io.fullrank.samediff;

import io.fullrank.client.ExternalRun;
import io.fullrank.client.Features;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.BaseListener;
import org.nd4j.autodiff.listeners.ListenerVariables;
import org.nd4j.autodiff.listeners.Loss;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * Reports what a SameDiff network does while it trains: after every step the mini-batch's loss if
 * it is a known one, the learning rate and the norms of the gradients by parameter, and every k
 * steps the features of the whole training set. Add it to the network's listeners, or give it to
 * {@code fit}; it changes nothing.
 */
public class SameDiffWatch extends BaseListener {

  private final ExternalRun run;
  private final SameDiffNetwork network;
  private final int featuresEvery;
  private final Map<String, Double> gradientNorms = new LinkedHashMap<>();
  private final Map<String, String> parametersByGradient = new LinkedHashMap<>();
  private OptionalDouble batchLoss = OptionalDouble.empty();
  private long step;
  private long rowsSeen;

  /**
   * Creates the listener of a run that begins.
   *
   * @param featuresEvery number of steps after which features are computed and sent; 0 for never
   * @throws IllegalArgumentException if that is negative, or the features have not the shape that
   *     the output layer asks for
   */
  public SameDiffWatch(ExternalRun run, SameDiffNetwork network, int featuresEvery) {
    if (featuresEvery < 0) {
      throw new IllegalArgumentException(
          "features every %d steps: 0 means never, 1 every step".formatted(featuresEvery));
    }
    // What does not fit is said before training, not in the middle of it.
    network.computeFeatures();
    this.run = run;
    this.network = network;
    this.featuresEvery = featuresEvery;
  }

  /** Returns the steps done so far. */
  public final long step() {
    return step;
  }

  final ExternalRun run() {
    return run;
  }

  final SameDiffNetwork network() {
    return network;
  }

  /** Returns the phase that the run is in. */
  Phase phase() {
    return Phase.PHASE_ONE;
  }

  /** Follows a step that was done, after its progress is reported. */
  void stepDone() {
    if (featuresEvery > 0 && step % featuresEvery == 0) {
      run.features(step, phase(), false, network.computeFeatures());
    }
  }

  /** Returns whether a parameter's gradient counts in this phase. */
  boolean trains(String parameter) {
    return true;
  }

  @Override
  public boolean isActive(Operation operation) {
    return operation == Operation.TRAINING;
  }

  @Override
  public ListenerVariables requiredVariables(SameDiff graph) {
    return ListenerVariables.empty();
  }

  @Override
  public void activationAvailable(
      SameDiff graph,
      At at,
      MultiDataSet batch,
      SameDiffOp operator,
      String variable,
      INDArray activation) {
    if (parametersByGradient.isEmpty()) {
      for (String parameter : network.parameters()) {
        parametersByGradient.put(network.graph().grad(parameter).name(), parameter);
      }
    }
    if (variable.equals(network.features())) {
      // Before any parameter is updated. SameDiff itself leaves out a loss that its gradient does
      // not need.
      batchLoss = network.lossOn(activation, batch);
    }
    String parameter = parametersByGradient.get(variable);
    if (parameter != null && trains(parameter)) {
      gradientNorms.put(parameter, activation.norm2Number().doubleValue());
    }
  }

  @Override
  public void iterationDone(SameDiff graph, At at, MultiDataSet batch, Loss loss) {
    step++;
    rowsSeen += batch.getFeatures(0).size(0);
    Progress.Builder progress =
        Progress.newBuilder()
            .setStep(step)
            .setEpoch((double) rowsSeen / network.rows())
            .setPhase(phase());
    batchLoss.ifPresent(progress::setBatchLoss);
    IUpdater updater = network.graph().getTrainingConfig().getUpdater();
    if (updater.hasLearningRate()) {
      progress.setLearningRate(updater.getLearningRate(at.iteration(), at.epoch()));
    }
    gradientNorms.forEach(
        (parameter, norm) ->
            progress.addGradientNorms(LayerNorm.newBuilder().setLayer(parameter).setNorm(norm)));
    gradientNorms.clear();
    run.log(progress.build());
    stepDone();
  }

  /** Sends features of the step that was done. */
  final void send(Features features, boolean witness) {
    run.features(step, phase(), witness, features);
  }
}

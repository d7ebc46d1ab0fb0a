package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Tensor;
import java.util.List;

/** One phase of a run: what a step does, and what can be seen of the state it leaves. */
public interface TrainingPhase extends AutoCloseable {

  Phase phase();

  /** The learning rate of step number {@code step}, counted from 0. */
  double learningRate(long step);

  /**
   * Does step number {@code step}, counted from 0.
   *
   * @throws DivergenceException if the loss it starts from is not finite
   */
  void step(long step) throws DivergenceException;

  /**
   * Loss and error of the {@link #weights} over the whole training set.
   *
   * @param step steps done, for the message
   * @throws DivergenceException if the loss or a parameter is not finite
   */
  Evaluation evaluateTraining(long step) throws DivergenceException;

  /** Loss and error of the {@link #weights} over the test set. */
  Evaluation evaluateTest();

  /** Copies of all parameters. */
  List<Tensor> weights();

  /** Copies of the last step's gradients. */
  List<Tensor> gradients();

  /** Norms of the last step's gradients. */
  List<LayerNorm> gradientNorms();

  /** SHA-256 of the features that are trained on; empty when all layers train. */
  ByteString featuresSha256();

  /** A copy of what it remembers from step to step besides the {@link TrainingState}. */
  PhaseMemory memory();

  /**
   * Continues at the point that a phase of the same run had reached; called before the first step,
   * on a state that has been restored.
   *
   * @throws IllegalArgumentException if this is the memory of another phase
   */
  void restore(PhaseMemory memory);

  @Override
  void close();
}

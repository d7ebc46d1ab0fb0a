package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Tensor;
import java.util.List;

/**
 * The state of a run at one step. Valid only during the call of {@link TrainingObserver} that hands
 * it out.
 */
public interface TrainingSnapshot {

  /** Returns how many steps have been done, 0 to T. */
  long step();

  /** Returns the phase of the step that was done last; of the step to come on a witness. */
  Phase phase();

  /**
   * Returns whether its verdict is needed: phase 2 builds on this state and waits for it, at the
   * switch and where hidden layers that move ask for a new certificate; or a rule has perturbed the
   * hidden layers, and nothing waits.
   */
  boolean witness();

  /** Returns the SHA-256 of the feature matrix that phase 2 trains on; empty before the switch. */
  ByteString featuresSha256();

  /**
   * Returns copies of all parameter tensors, made now; none if the policy does not want them,
   * except on a witness.
   */
  List<Tensor> weights();

  /**
   * Returns copies of the gradients of the last step's loss, made now; none if the policy does not
   * want them or no step has been done. In phase 2 these are the output layer's; where the hidden
   * layers have just moved, those of all layers, of the loss over the whole training set.
   */
  List<Tensor> gradients();
}

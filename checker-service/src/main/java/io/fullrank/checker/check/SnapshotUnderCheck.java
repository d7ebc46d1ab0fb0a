package io.fullrank.checker.check;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.Snapshot;

/**
 * A snapshot, and what follows from it. What several checks need is computed once, when the first
 * of them asks for it.
 */
public interface SnapshotUnderCheck {

  /**
   * Returns the snapshot: of Fullrank's own trainer with weights and without features, of a program
   * outside Fullrank without weights and gradients.
   */
  Snapshot message();

  /** Returns what the experiment says of a check that has no message of its own there. */
  default NamedCheck chosen(String check) {
    return message().getHeader().getSpec().getChecks().getNamedList().stream()
        .filter(named -> named.getName().equals(check))
        .findFirst()
        .orElseGet(NamedCheck::getDefaultInstance);
  }

  /** Returns whether it is of a program outside Fullrank, of which nothing can be recomputed. */
  boolean isExternal();

  /**
   * Returns the data set that the run trains on.
   *
   * @throws NotCheckableException if the data is missing here or is other data, or the run's is not
   *     known
   */
  DataSet data() throws NotCheckableException;

  /**
   * Returns the network that the snapshot's weights belong to.
   *
   * @throws NotCheckableException as {@link #data}, and if there is no such network
   */
  Network network() throws NotCheckableException;

  /**
   * Returns the snapshot's weights.
   *
   * @throws NotCheckableException as {@link #network}, and if the weights do not fit it
   */
  Parameters parameters() throws NotCheckableException;

  /**
   * Returns Φ = [h_X(θ), 1], n × (m_H + 1): recomputed, or as the client sent it. It is not to be
   * closed, nor used after the check.
   *
   * @throws NotCheckableException if there is no such matrix, or it is not the one that the
   *     snapshot names
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if it does not fit
   */
  Matrix features() throws NotCheckableException;

  /**
   * Returns the same rows for a check that does not need them all at a time: each is computed or
   * read when it is asked for. That they are those that the snapshot names is known after {@link
   * #featuresSha256}. They are not to be used after the check.
   *
   * @param threads the largest number of threads that read them
   * @throws NotCheckableException as {@link #features}
   */
  Rows featureRows(int threads) throws NotCheckableException;

  /**
   * Returns the SHA-256 of the features, as {@link io.fullrank.proto.v1.Verdict} has it. Before
   * {@link #features} was called, this goes through all {@link #featureRows}.
   *
   * @throws NotCheckableException as {@link #features}
   */
  ByteString featuresSha256() throws NotCheckableException;
}

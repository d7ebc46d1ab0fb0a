package io.fullrank.checker.check;

import io.fullrank.proto.v1.Verdict;
import java.util.Set;

/** Something that can be found out about a snapshot. One thread at a time uses a check. */
public interface SnapshotCheck {

  /** What a snapshot may carry. */
  enum Need {
    /** The network's weights; only snapshots of Fullrank's own trainer carry them. */
    WEIGHTS,
    /**
     * The last hidden layer's outputs, as a program outside Fullrank computed them, or as they
     * follow from weights.
     */
    FEATURES,
    /** Factors of the Jacobian, as a program outside Fullrank computed them. */
    FACTORS
  }

  /**
   * Returns the name that experiments choose the check by: small letters, digits and hyphens. The
   * name of a check from outside Fullrank has a dot besides, such as "com.example.sparsity".
   */
  String name();

  /** Returns what it can start from: a snapshot must carry at least one of them. */
  Set<Need> needs();

  /**
   * Looks at a snapshot.
   *
   * <p>Exceptions other than {@link NotCheckableException} are faults, except for those with which
   * linear algebra says that it cannot do its work: too little memory, an entry that is not finite,
   * a backend that is not exact. All of them become an undetermined verdict.
   *
   * @param snapshot carries something of what the check needs
   * @return what was found: certificate, measures, histograms, layers, examples and the like; who
   *     found it, when and of which snapshot is filled in by the caller
   * @throws NotCheckableException if the snapshot, the data or the machine lack something
   */
  Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException;
}

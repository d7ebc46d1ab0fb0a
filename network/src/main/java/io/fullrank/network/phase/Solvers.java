package io.fullrank.network.phase;

import io.fullrank.proto.v1.PhaseTwoSolver;
import java.util.List;
import java.util.Optional;

/** The solvers of phase 2 that there are. */
public final class Solvers {

  /**
   * All solvers; the first is the one that experiments have by default. The list is not in the
   * descriptor's own class, since each phase makes its descriptor while its class is initialised,
   * and must not need the others for that.
   */
  public static final List<Solver> ALL =
      List.of(
          BaseUpdatesPhase.SOLVER,
          SteepestDescent.SOLVER,
          NesterovDescent.SOLVER,
          MinimumNormPhase.SOLVER);

  private Solvers() {}

  /** The solver that a specification names; empty if it names none. */
  public static Optional<Solver> chosenBy(PhaseTwoSolver value) {
    return ALL.stream().filter(solver -> solver.value() == value).findFirst();
  }
}

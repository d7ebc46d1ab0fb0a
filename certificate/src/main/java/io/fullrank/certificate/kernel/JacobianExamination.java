package io.fullrank.certificate.kernel;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Progress;

/**
 * What every method of proof is given.
 *
 * @param jacobian J
 * @param structure what one pass over the factors has shown
 * @param algebra does the heavy work
 * @param time is told when a stage ends
 * @param progress is told how far long stages have come
 * @param cancellation is asked between blocks of work
 */
public record JacobianExamination(
    FactoredJacobian jacobian,
    JacobianStructure structure,
    DenseLinearAlgebra algebra,
    Stopwatch time,
    Progress progress,
    Cancellation cancellation) {}

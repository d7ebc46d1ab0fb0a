package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;

/**
 * A backend that is ready for work.
 *
 * @param algebra the backend
 * @param description what it is, and where it was not the first choice, why: one line, to be logged
 */
public record BackendChoice(DenseLinearAlgebra algebra, String description) {}

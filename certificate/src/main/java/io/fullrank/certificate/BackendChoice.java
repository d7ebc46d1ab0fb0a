package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;

/**
 * A backend that is ready for work.
 *
 * @param algebra the backend
 * @param description one line for the log: which backend this is, and if it is not the first
 *     choice, why the first choice was not taken
 */
public record BackendChoice(DenseLinearAlgebra algebra, String description) {}

/** The backend for processors: OpenBLAS, called directly. */
package io.fullrank.certificate.backend.openblas;

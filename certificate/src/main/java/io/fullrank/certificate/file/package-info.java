/** Matrices in files that others write: NumPy's {@code .npy} and {@code .safetensors}. */
package io.fullrank.certificate.file;

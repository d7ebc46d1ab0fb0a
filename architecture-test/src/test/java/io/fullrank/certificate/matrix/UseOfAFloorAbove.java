package io.fullrank.certificate.matrix;

import io.fullrank.certificate.file.NpyFile;

/** A sample for {@code WallsTest}: a matrix in memory must not know files. */
public record UseOfAFloorAbove(NpyFile file) {}

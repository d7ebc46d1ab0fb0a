package io.fullrank.cli.report;

import io.fullrank.network.layer.Layer;

/** A sample for {@code WallsTest}: layers are the business of networks alone. */
public record UseOfAClosedPackage(Layer layer) {}

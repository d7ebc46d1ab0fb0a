/**
 * Where examples come from: the files of published data sets, one class for each format, and
 * generated strokes.
 */
package io.fullrank.network.data.source;

/** Layers: forward and backward passes of dense, convolutional, normalising and pooling layers. */
package io.fullrank.network.layer;

/** The phases of training: all layers, and each way to train phase 2 on certified features. */
package io.fullrank.network.phase;

/**
 * Networks made of layers, their initialisation, their output layer, and passes through all of it:
 * features, gradients, evaluation.
 */
package io.fullrank.network.architecture;

/** Networks, their parameters, forward and backward passes, and loss functions. */
package io.fullrank.network.model;

/**
 * The check of the tangent kernel: whether the Jacobian of the outputs has full row rank, and what
 * follows for the gradient of the loss.
 */
package io.fullrank.checker.tangentkernel;

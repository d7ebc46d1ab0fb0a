/** Base algorithms: first-order updates of parameters, and their learning rates. */
package io.fullrank.network.algorithm;

/** From certificates of features as computed to the network in exact arithmetic. */
package io.fullrank.network.exact;

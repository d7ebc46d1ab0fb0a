/**
 * Examples in memory: rows of pixels or floats, their labels, shape, statistics and digest. Uses no
 * other package of networks.
 */
package io.fullrank.network.data.sample;

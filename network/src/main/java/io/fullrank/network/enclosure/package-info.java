/** Real numbers enclosed by computed ones: double-doubles with a proven bound on their error. */
package io.fullrank.network.enclosure;

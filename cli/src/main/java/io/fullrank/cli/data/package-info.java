/** Data sets: listed and downloaded. */
package io.fullrank.cli.data;

/** How a command fails: typed errors and exit codes. Uses no other package. */
package io.fullrank.cli.failure;

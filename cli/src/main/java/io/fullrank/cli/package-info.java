/** The command line {@code fullrank}, and the stack of one laptop that it starts and stops. */
package io.fullrank.cli;

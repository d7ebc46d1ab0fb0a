/** The commands of {@code fullrank}, one class each. */
package io.fullrank.cli.command;

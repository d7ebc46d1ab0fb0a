/** An experiment from its submission to its summary. */
package io.fullrank.cli.execution;

/**
 * What the command line reads out of messages of the wire contract, and the words it has for them.
 */
package io.fullrank.cli.message;

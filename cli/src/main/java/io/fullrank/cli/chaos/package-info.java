/** Faults brought about in a stack that works, and what has to be true all the same. */
package io.fullrank.cli.chaos;

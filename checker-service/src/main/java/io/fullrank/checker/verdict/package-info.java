/** Verdicts and skips as the wire contract has them, until they are published. */
package io.fullrank.checker.verdict;

/** Verdicts and skips as the wire contract has them, and their publication in transactions. */
package io.fullrank.checker.verdict;

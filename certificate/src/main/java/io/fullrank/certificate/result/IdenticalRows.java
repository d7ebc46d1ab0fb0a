package io.fullrank.certificate.result;

/**
 * Two rows of a matrix that are the same numbers, so that it has not full row rank.
 *
 * @param first the row's number, counted from 0
 * @param second that of the other one, greater than {@code first}
 */
public record IdenticalRows(int first, int second) {}

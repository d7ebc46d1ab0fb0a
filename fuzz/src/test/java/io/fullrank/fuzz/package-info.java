/**
 * Coverage-guided fuzzing of what is read from files and from the wire. May use the public faces of
 * all other rooms; none uses it.
 */
package io.fullrank.fuzz;

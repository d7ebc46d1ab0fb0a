/** Inputs that nobody should send, made of inputs that somebody might. */
package io.fullrank.testsupport.hostile;

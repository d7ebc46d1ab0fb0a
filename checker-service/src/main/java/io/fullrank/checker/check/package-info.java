/**
 * What is computed of a snapshot: its features, their certificate, and the spectrum of witnesses.
 */
package io.fullrank.checker.check;

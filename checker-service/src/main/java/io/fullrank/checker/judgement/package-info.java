/** All checks of one snapshot: what they share of it, and what becomes of their findings. */
package io.fullrank.checker.judgement;

/** What {@code fullrank doctor} finds of a machine and an installation, and what to do about it. */
package io.fullrank.cli.doctor;

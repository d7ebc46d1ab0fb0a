/** The trainer service: takes experiments, trains their runs, and streams what happens. */
package io.fullrank.trainer;

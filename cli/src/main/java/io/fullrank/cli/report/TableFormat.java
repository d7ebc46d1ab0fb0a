package io.fullrank.cli.report;

/** How {@code compare --table} writes its table. */
public enum TableFormat {
  /** Aligned columns for a terminal. */
  TEXT,
  /** A table of GitHub-flavoured Markdown. */
  MARKDOWN,
  /** All figures in full, with a header; what is undefined is empty. */
  CSV
}

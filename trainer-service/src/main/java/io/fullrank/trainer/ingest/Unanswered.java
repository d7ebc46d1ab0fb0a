package io.fullrank.trainer.ingest;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The reports of a stream that are not answered yet, in their order: each until the broker has
 * acknowledged its records and those of all before it.
 */
final class Unanswered {

  /** A report. */
  static final class Report {
    private final long sequence;
    private int records;

    private Report(long sequence, int records) {
      this.sequence = sequence;
      this.records = records;
    }
  }

  private final Deque<Report> reports = new ArrayDeque<>();

  boolean isEmpty() {
    return reports.isEmpty();
  }

  /**
   * Adds a report.
   *
   * @param records how many records have to be acknowledged before it is answered
   */
  Report add(long sequence, int records) {
    Report report = new Report(sequence, records);
    reports.add(report);
    return report;
  }

  /** Says that a report has one record more. */
  void more(Report report) {
    report.records++;
  }

  /** Says that one of a report's records is acknowledged. */
  void acknowledged(Report report) {
    report.records--;
  }

  /**
   * Removes what can be answered now.
   *
   * @param each called for every report that is removed
   * @return the last one's sequence, 0 if there is none
   */
  long answer(Runnable each) {
    long last = 0;
    while (!reports.isEmpty() && reports.peek().records == 0) {
      last = reports.remove().sequence;
      each.run();
    }
    return last;
  }
}

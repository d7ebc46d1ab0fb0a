package io.fullrank.cli.chaos;

import java.util.List;
import java.util.Map;

/**
 * What became of a campaign.
 *
 * @param seed that the faults follow from
 * @param longestFault how long one lasts at most, in seconds
 * @param seconds from the first fault until all runs had ended
 * @param runs that ended, those that nothing disturbed included
 * @param verdicts on their snapshots
 * @param longestOutages by service: the longest time in which no instance of it served, in seconds,
 *     to half a second
 * @param memory by service: the most that one of its processes had in each third of the time, in
 *     MiB; 0 if none lived for a minute
 * @param brokerErrors how many errors the broker logged, which is not judged
 * @param load what clients saw meanwhile; zeros without any
 * @param notBroughtAbout kinds of faults that the campaign has no means to bring about, and why
 */
record ChaosReport(
    long seed,
    long longestFault,
    double seconds,
    int runs,
    int verdicts,
    Map<String, Double> longestOutages,
    Map<String, List<Long>> memory,
    List<Judgement> judgements,
    int brokerErrors,
    List<FaultReport> faults,
    ClientLoad.Report load,
    List<String> notBroughtAbout) {

  /**
   * A fault as it was brought about.
   *
   * @param second of the campaign in which it began
   * @param lasted in seconds
   * @param recovered seconds from its end until its target served, other faults included
   */
  record FaultReport(
      double second, Fault.Kind kind, String target, double lasted, double recovered) {}

  /**
   * Something that has to be true.
   *
   * @param contradictions what shows that it is not; the first ones
   */
  record Judgement(String statement, boolean holds, List<String> contradictions) {

    private static final int MOST_SHOWN = 20;

    static Judgement of(String statement, List<String> contradictions) {
      return new Judgement(
          statement, contradictions.isEmpty(), contradictions.stream().limit(MOST_SHOWN).toList());
    }
  }
}

package io.fullrank.cli.chaos;

import io.fullrank.cli.chaos.ChaosReport.Judgement;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Judges what faults have left, once all are over. */
final class Judge {

  private static final Pattern ERROR = Pattern.compile("\\b(ERROR|SEVERE|FATAL)\\b");
  private static final Duration STALE_LIMIT = Duration.ofMinutes(2);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);
  private static final int SHOWN = 300;
  private static final Duration POLL = Duration.ofMillis(500);

  private final StackUnderTest stack;
  private final Records records;

  /**
   * What makes runs equal.
   *
   * @param experiment its spec
   */
  private record Same(ExperimentSpec experiment, Variant variant, long seed) {

    static Same of(RunRequest request) {
      return new Same(request.getSpec(), request.getVariant(), request.getSeed());
    }
  }

  /** Judges the records that the topics of a stack hold. */
  Judge(StackUnderTest stack, Records records) {
    this.stack = stack;
    this.records = records;
  }

  /** Every run has results, and all that it reported is what an undisturbed one reported. */
  Judgement sameResults(Set<String> undisturbedExperiments) {
    Map<Same, String> undisturbed = new HashMap<>();
    for (RunRequest request : records.requests().values()) {
      if (undisturbedExperiments.contains(request.getExperiment())) {
        undisturbed.put(Same.of(request), request.getRun());
      }
    }
    List<String> contradictions = new ArrayList<>();
    for (RunRequest request : records.requests().values()) {
      String run = request.getRun();
      String expected = undisturbed.get(Same.of(request));
      List<RunResult> results = records.results().getOrDefault(run, List.of());
      RunResult result = records.results().get(expected).get(0);
      if (results.isEmpty()) {
        contradictions.add(run + " has no result");
      }
      for (RunResult each : results) {
        if (!each.equals(result)) {
          contradictions.add("%s: %s, undisturbed %s".formatted(run, each, result));
        }
      }
      TreeMap<Long, TreeSet<String>> weights = records.weights().getOrDefault(run, new TreeMap<>());
      if (!weights.equals(records.weights().get(expected))) {
        contradictions.add(
            "%s: weights %s, undisturbed %s"
                .formatted(run, weights, records.weights().get(expected)));
      }
    }
    return Judgement.of(
        "results, and the weights of all snapshots, are those of undisturbed runs, bit by bit",
        contradictions);
  }

  /** No snapshot was judged twice. */
  Judgement oneVerdictEach() {
    return Judgement.of(
        "each run, attempt, step and check has one verdict",
        records.verdicts().entrySet().stream()
            .filter(each -> each.getValue() != 1)
            .map(each -> "%s: %d".formatted(each.getKey(), each.getValue()))
            .toList());
  }

  /**
   * What a long life full of faults has left is what the topics say, at last: Kafka's clients
   * measure time by the wall clock, so that an instance whose clock was set back may notice late
   * that its partitions went to another one, and tell what it had until then.
   */
  Judgement sameAsFresh() throws IOException, InterruptedException {
    SupervisedProcess fresh = stack.startFreshMetrics();
    long deadline = System.nanoTime() + STALE_LIMIT.toNanos();
    List<String> contradictions = differences(fresh);
    while (!contradictions.isEmpty() && System.nanoTime() < deadline) {
      TimeUnit.NANOSECONDS.sleep(POLL.toNanos());
      contradictions = differences(fresh);
    }
    return Judgement.of(
        "the metrics service says what a fresh instance makes of the topics", contradictions);
  }

  private List<String> differences(SupervisedProcess fresh) throws InterruptedException {
    List<String> contradictions = new ArrayList<>();
    try (ServiceClient old = stack.client("trainer-1", "metrics-1");
        ServiceClient anew = stack.client("trainer-1", fresh.name())) {
      List<Run> expected = withoutTimeOfHearing(anew.listRuns(""));
      List<Run> runs = withoutTimeOfHearing(old.listRuns(""));
      if (!runs.equals(expected)) {
        contradictions.add(
            difference("runs", "" + without(runs, expected), "" + without(expected, runs)));
      }
    }
    HttpClient client = HttpClient.newHttpClient();
    for (String run : new TreeSet<>(records.requests().keySet())) {
      for (String what : List.of("progress", "verdicts")) {
        String path = "/api/v1/runs/%s/%s?page_size=1000".formatted(run, what);
        String told = get(client, stack.http("metrics-1", path));
        String folded = get(client, stack.http(fresh.name(), path));
        if (!told.equals(folded)) {
          contradictions.add(difference("%s of %s".formatted(what, run), told, folded));
        }
      }
    }
    return contradictions;
  }

  /** What services recover from is no error. */
  Judgement noErrorsInLogs() throws IOException {
    List<String> contradictions = new ArrayList<>();
    for (SupervisedProcess process : stack.processes()) {
      if (!process.name().equals(StackUnderTest.BROKER)) {
        contradictions.addAll(errors(process));
      }
    }
    return Judgement.of("no line of a service's log says ERROR", contradictions);
  }

  /** Returns the errors that the broker logged, such as while it reads its own topics at start. */
  List<String> brokerErrors() throws IOException {
    return errors(stack.process(StackUnderTest.BROKER));
  }

  private static List<String> errors(SupervisedProcess process) throws IOException {
    try (Stream<String> lines = Files.lines(process.log())) {
      return lines
          .filter(line -> ERROR.matcher(line).find())
          .map(line -> process.name() + ": " + line)
          .toList();
    }
  }

  /** Only faults ended processes. */
  Judgement noOtherEnds() {
    return Judgement.of(
        "no process ended but by a fault",
        stack.processes().stream().flatMap(each -> each.unexpectedEnds().stream()).toList());
  }

  /** Shows where two texts part. */
  private static String difference(String what, String text, String fromTopics) {
    int parting = 0;
    while (parting < Math.min(text.length(), fromTopics.length())
        && text.charAt(parting) == fromTopics.charAt(parting)) {
      parting++;
    }
    return "%s, from character %d on: %s; from the topics: %s"
        .formatted(what, parting, excerpt(text, parting), excerpt(fromTopics, parting));
  }

  private static String excerpt(String text, int at) {
    return text.substring(Math.max(0, at - SHOWN), Math.min(text.length(), at + SHOWN));
  }

  // Of an event from a clock that is ahead, an instance notes when it was folded: a run whose
  // trainer's clock is ahead would not fall silent for as long.
  private static List<Run> withoutTimeOfHearing(List<Run> runs) {
    return runs.stream().map(run -> run.toBuilder().clearLastEventAt().build()).toList();
  }

  private static List<Run> without(List<Run> runs, List<Run> others) {
    List<Run> rest = new ArrayList<>(runs);
    rest.removeAll(others);
    return rest.stream().limit(1).toList();
  }

  private static String get(HttpClient client, URI uri) throws InterruptedException {
    long deadline = System.nanoTime() + ANSWER_LIMIT.toNanos();
    while (true) {
      String failure;
      try {
        HttpResponse<String> response =
            client.send(
                HttpRequest.newBuilder(uri).timeout(ANSWER_LIMIT).build(),
                HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() == 200) {
          return response.body();
        }
        failure = response.body();
      } catch (IOException failed) {
        failure = failed.toString();
      }
      if (System.nanoTime() > deadline) {
        throw new ExecutionFailedException("%s: %s".formatted(uri, failure));
      }
      TimeUnit.NANOSECONDS.sleep(POLL.toNanos());
    }
  }
}

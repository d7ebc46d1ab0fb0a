package io.fullrank.metrics.endpoint;

import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.request;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.util.JsonFormat;
import io.fullrank.metrics.ScriptedMetrics;
import io.fullrank.proto.v1.GetRunResponse;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.Status;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged service's HTTP interface, in front of a gRPC server of the test's. */
class JsonApiIT {

  private static final Duration LIMIT = Waiting.LIMIT;

  @TempDir static Path folder;

  private static ScriptedMetrics metrics;
  private static PackagedService service;

  private final HttpClient http = HttpClient.newHttpClient();

  @BeforeAll
  static void start() throws IOException {
    metrics = new ScriptedMetrics();
    service = metrics.startService(folder.resolve("service.log"));
  }

  @AfterAll
  static void stop() throws InterruptedException {
    service.close();
    metrics.close();
  }

  @Test
  void answersWithTheMappingOfTheResponse() throws Exception {
    Run run = run("mapped", RUN_STATE_RUNNING).build();
    metrics.put(run, List.of(step(1), step(2)), List.of());

    HttpResponse<String> response = get("/api/v1/runs/mapped");
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.headers().firstValue("Content-Type")).hasValue("application/json");
    GetRunResponse.Builder parsed = GetRunResponse.newBuilder();
    JsonFormat.parser().merge(response.body(), parsed);
    assertThat(parsed.getRun()).isEqualTo(run);

    // What has its default value is there, but not what was not measured; 64-bit integers are
    // strings.
    assertThat(get("/api/v1/runs/mapped/progress?max_points=1000").body())
        .startsWith("{\"progress\":[{\"step\":\"1\",\"epoch\":0.1,\"phase\":\"PHASE_UNSPECIFIED\"")
        .contains("\"seconds\":0.0")
        .doesNotContain("batchLoss");
    assertThat(get("/api/v1/runs/mapped/verdicts").body())
        .isEqualTo("{\"verdicts\":[],\"nextPageToken\":\"\"}");
    assertThat(get("/api/v1/experiments").body()).contains("\"experiment\":\"mapped-e\"");
    assertThat(get("/api/v1/experiments/mapped-e/comparison").body())
        .startsWith("{\"comparison\":{");
  }

  @Test
  void takesFieldsOfTheRequestAsParameters() throws Exception {
    metrics.put(run("ended", RUN_STATE_FINISHED).build(), List.of(), List.of());
    metrics.put(run("going", RUN_STATE_RUNNING).build(), List.of(), List.of());

    assertThat(get("/api/v1/runs?experiment=ended-e").body())
        .contains("\"run\":\"ended\"")
        .doesNotContain("\"run\":\"going\"");
    assertThat(get("/api/v1/runs?states=RUN_STATE_RUNNING&states=RUN_STATE_PENDING").body())
        .contains("\"run\":\"going\"")
        .doesNotContain("\"run\":\"ended\"");
  }

  @Test
  void saysWhatIsWrongWithARequest() throws Exception {
    metrics.put(run("right", RUN_STATE_RUNNING).build(), List.of(), List.of());

    assertThat(refusal("/api/v1/runs/no-such"))
        .isEqualTo("404 {\"code\":\"NOT_FOUND\",\"message\":\"run: there is no no-such\"}");
    assertThat(refusal("/api/v1/runs/no-such/events"))
        .isEqualTo("404 {\"code\":\"NOT_FOUND\",\"message\":\"run: there is no no-such\"}");
    assertThat(refusal("/api/v1/runs?page_size=1001"))
        .isEqualTo(
            "400 {\"code\":\"INVALID_ARGUMENT\",\"message\":\"page_size: 1001 is more than 1000\"}");
    assertThat(refusal("/api/v1/runs?page_size=many"))
        .startsWith("400 {\"code\":\"INVALID_ARGUMENT\",\"message\":\"page_size: ");
    assertThat(refusal("/api/v1/runs?page_size=1&page_size=2")).contains("page_size: is given 2");
    assertThat(refusal("/api/v1/runs?color=red"))
        .contains("color: no such parameter, there are experiment, page_size, page_token, states");
    assertThat(refusal("/api/v1/runs?states=RUNNING")).startsWith("400 ").contains("states: ");
    assertThat(get("/api/v1/no-such").statusCode()).isEqualTo(404);
  }

  @Test
  void saysThatTheServiceIsNotReady() throws Exception {
    metrics.fail(Status.UNAVAILABLE.withDescription("the state is not complete yet"));
    try {
      String unavailable =
          "503 {\"code\":\"UNAVAILABLE\",\"message\":\"the state is not complete yet\"}";
      assertThat(refusal("/api/v1/experiments")).isEqualTo(unavailable);
    } finally {
      metrics.recover();
    }
  }

  @Test
  void streamsEventsUntilTheEnd() throws Exception {
    metrics.put(run("streamed", RUN_STATE_RUNNING).build(), List.of(), List.of());

    try (BufferedReader events = events("/api/v1/runs/streamed/events", "token 0")) {
      assertThat(events.readLine()).isEqualTo("id: token 0");
      assertThat(events.readLine()).startsWith("data: {\"run\":{").contains("RUN_STATE_RUNNING");
      assertThat(events.readLine()).isEmpty();
      assertThat(metrics.resumeTokens()).contains("token 0");

      metrics.report("streamed", step(7));
      assertThat(nextEvent(events).get(0)).isEqualTo("id: token 7");
      metrics.finish("streamed");
      assertThat(nextEvent(events).get(1)).contains("RUN_STATE_FINISHED");
      assertThat(nextEvent(events)).containsExactly("event: end", "data: {}");
      assertThat(events.readLine()).isNull();
    }
  }

  @Test
  void tellsAReaderThatAStreamBrokeAndThatItLives() throws Exception {
    metrics.put(run("broken", RUN_STATE_RUNNING).build(), List.of(), List.of());

    try (BufferedReader events = events("/api/v1/experiments/broken-e/events", "")) {
      nextEvent(events);
      // Nothing happens for a while.
      assertThat(rawEvent(events)).containsExactly("event: heartbeat", "data: {}");
      metrics.fail(Status.UNAVAILABLE.withDescription("going down"));
      assertThat(nextEvent(events))
          .containsExactly(
              "event: failure", "data: {\"code\":\"UNAVAILABLE\",\"message\":\"going down\"}");
      assertThat(events.readLine()).isNull();
    } finally {
      metrics.recover();
    }
  }

  @Test
  void aSlowReaderMissesStatesButNotTheLatestAndOneWhoGoesIsForgotten() throws Exception {
    int changes = 400;
    Run.Builder large = run("slow", RUN_STATE_RUNNING);
    large.getRequestBuilder().addWarnings("w".repeat(100_000));
    metrics.put(large.build(), List.of(), List.of());
    int before = metrics.sent();

    try (BufferedReader events = events("/api/v1/runs/slow/events", "")) {
      await().atMost(LIMIT).until(() -> metrics.openStreams() == 1);
      for (int step = 1; step <= changes; step++) {
        metrics.report("slow", step(step));
      }
      // What connections hold, and not a state more.
      assertThat(metrics.sent() - before).isLessThan(changes / 2);
      String id;
      do {
        id = nextEvent(events).get(0);
      } while (!id.equals("id: token " + changes));
      metrics.report("slow", step(changes + 1));
      assertThat(nextEvent(events).get(0)).isEqualTo("id: token " + (changes + 1));
    }
    await().atMost(LIMIT).until(() -> metrics.openStreams() == 0);
  }

  @Test
  void thePageLoadsNothingFromElsewhere() throws Exception {
    HttpResponse<String> page = get("/");
    assertThat(page.statusCode()).isEqualTo(200);
    assertThat(page.headers().firstValue("Content-Security-Policy").orElseThrow())
        .startsWith("default-src 'none'; script-src 'self'; style-src 'self';");
    assertThat(page.headers().firstValue("Cache-Control")).hasValue("no-cache");
    assertThat(get("/webjars/chart.js/dist/chart.umd.min.js").body()).contains("Chart.js");
  }

  private static Run.Builder run(String name, RunState state) {
    return Run.newBuilder()
        .setRequest(request(name, name + "-e", Variant.VARIANT_BASE, 1))
        .setState(state);
  }

  private static Progress step(long step) {
    return progress("", 1, step, 0, 0).getProgress();
  }

  private static HttpResponse<String> get(String path) throws IOException {
    return service.http().get(path);
  }

  private static String refusal(String path) throws IOException {
    HttpResponse<String> response = get(path);
    return response.statusCode() + " " + response.body();
  }

  private BufferedReader events(String path, String lastEventId)
      throws IOException, InterruptedException {
    HttpResponse<InputStream> response =
        http.send(
            HttpRequest.newBuilder(service.http().uri(path))
                .header("Last-Event-ID", lastEventId)
                .build(),
            BodyHandlers.ofInputStream());
    assertThat(response.headers().firstValue("Content-Type")).hasValue("text/event-stream");
    return new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
  }

  /** Returns the lines of the next event that is no heartbeat. */
  private static List<String> nextEvent(BufferedReader events) throws IOException {
    List<String> event;
    do {
      event = rawEvent(events);
    } while (event.get(0).equals("event: heartbeat"));
    return event;
  }

  private static List<String> rawEvent(BufferedReader events) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line = events.readLine(); !line.isEmpty(); line = events.readLine()) {
      lines.add(line);
    }
    return lines;
  }
}

package io.fullrank.testsupport.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;

/**
 * What a program of this machine serves over HTTP or HTTPS.
 *
 * @param client sends the requests; it knows which certificates to trust and to show
 * @param root the address to which paths are appended, without a slash at its end
 */
public record HttpEndpoint(HttpClient client, String root) {

  /** Returns what is served without TLS at a port. */
  public static HttpEndpoint http(int port) {
    return new HttpEndpoint(HttpClient.newHttpClient(), "http://127.0.0.1:" + port);
  }

  /** Returns what is served with TLS at a port. */
  public static HttpEndpoint https(HttpClient client, int port) {
    return new HttpEndpoint(client, "https://localhost:" + port);
  }

  /** Returns the address of a path. */
  public URI uri(String path) {
    return URI.create(root + path);
  }

  /** Returns a request for a path, with headers by name and value. */
  public HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri(path)).timeout(Duration.ofMinutes(1));
    return headers.length == 0 ? request : request.headers(headers);
  }

  /**
   * Sends a request.
   *
   * @throws IOException if there is no answer
   */
  public HttpResponse<String> send(HttpRequest.Builder request) throws IOException {
    try {
      return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException(interrupted);
    }
  }

  /**
   * Gets a path, with headers by name and value.
   *
   * @throws IOException if there is no answer
   */
  public HttpResponse<String> get(String path, String... headers) throws IOException {
    return send(request(path, headers));
  }

  /** Returns the HTTP status of a path, 0 if there is no answer. */
  public int status(String path) {
    try {
      return get(path).statusCode();
    } catch (IOException notYet) {
      return 0;
    }
  }

  /** Returns the samples of {@code /metrics}, without Prometheus' comments. */
  public List<String> samples() {
    try {
      HttpResponse<String> response = get("/metrics");
      assertThat(response.statusCode()).isEqualTo(200);
      return response.body().lines().filter(line -> !line.startsWith("#")).toList();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}

package io.fullrank.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A web server on this machine that can be told to behave badly. */
public final class FileServer implements AutoCloseable {

  private final HttpServer server;
  private final Map<String, byte[]> files = new HashMap<>();

  /** What was asked for: the path, and the range if there was one. */
  public final List<String> requests = Collections.synchronizedList(new ArrayList<>());

  /** Whether it knows of ranges. */
  public volatile boolean ranges = true;

  /** After how many bytes it closes the connection. */
  public volatile int bytesPerAnswer = Integer.MAX_VALUE;

  /** Whether it keeps the connection then, and says nothing more, until it is closed. */
  public volatile boolean stalls;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newCachedThreadPool();

  public FileServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  public void put(String path, byte[] contents) {
    files.put(path, contents);
  }

  public URI address(String folder) {
    return URI.create("http://127.0.0.1:%d/%s/".formatted(server.getAddress().getPort(), folder));
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath().substring(1);
    String range = exchange.getRequestHeaders().getFirst("Range");
    requests.add(range == null ? path : path + " " + range);
    byte[] contents = files.get(path);
    if (contents == null) {
      exchange.sendResponseHeaders(404, -1);
      exchange.close();
      return;
    }
    int from = 0;
    if (ranges && range != null) {
      from = Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
      if (from >= contents.length) {
        exchange.getResponseHeaders().set("Content-Range", "bytes */" + contents.length);
        exchange.sendResponseHeaders(416, -1);
        exchange.close();
        return;
      }
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, contents.length - 1, contents.length));
    }
    int length = contents.length - from;
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, length);
    OutputStream out = exchange.getResponseBody();
    out.write(contents, from, Math.min(length, bytesPerAnswer));
    out.flush();
    if (stalls) {
      awaitClosed();
    }
    exchange.close();
  }

  private void awaitClosed() {
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    server.stop(0);
    threads.shutdown();
  }
}

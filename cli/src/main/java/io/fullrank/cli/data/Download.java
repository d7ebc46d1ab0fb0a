package io.fullrank.cli.data;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.terminal.DownloadProgress;
import io.fullrank.network.data.sample.FileDigest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Downloads one file. What has arrived lies beside it under the name {@code ….part}; a later
 * download goes on from there, if the server can (RFC 9110, §14: range requests).
 */
final class Download {

  /** How long a server may bring nothing, unless told otherwise. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final int BUFFER_BYTES = 1 << 16;

  /** How many attempts in a row may bring nothing before the download is given up. */
  private static final int FRUITLESS_ATTEMPTS = 3;

  private final URI address;
  private final Path target;
  private final Path part;
  private final String sha256;
  private final Duration patience;
  private final HttpClient client;

  /**
   * @param target does not exist yet; its folder does
   * @param sha256 of the file's contents, 64 hexadecimal digits in lower case
   */
  Download(URI address, Path target, String sha256) {
    this(address, target, sha256, PATIENCE);
  }

  /**
   * @param patience how long the server may bring nothing before the connection is given up
   */
  Download(URI address, Path target, String sha256, Duration patience) {
    this.address = address;
    this.target = target;
    this.part = target.resolveSibling(target.getFileName() + ".part");
    this.sha256 = sha256;
    this.patience = patience;
    this.client =
        HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(patience)
            .build();
  }

  /**
   * Downloads, checks, and only then gives the file its name.
   *
   * @throws ExecutionFailedException naming the address and what is wrong
   */
  void run(DownloadProgress progress) throws InterruptedException {
    boolean resumed = size() > 0;
    fetch(progress);
    String found = FileDigest.sha256(part);
    if (!found.equals(sha256) && resumed) {
      // The part that was there before may belong to another file.
      delete();
      fetch(progress);
      found = FileDigest.sha256(part);
    }
    if (!found.equals(sha256)) {
      delete();
      throw new ExecutionFailedException(
          "%s: not the published file, its SHA-256 is %s instead of %s; nothing was kept"
              .formatted(address, found, sha256));
    }
    try {
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw unwritable(target, e);
    }
    progress.done(target.getFileName().toString());
  }

  private void fetch(DownloadProgress progress) throws InterruptedException {
    int fruitless = 0;
    long most = size();
    while (true) {
      String problem;
      try {
        if (attempt(progress)) {
          return;
        }
        problem = "the server does not go on where the download stopped";
      } catch (HttpTimeoutException e) {
        problem = e.getMessage();
      } catch (IOException e) {
        problem = e instanceof ConnectException ? "no connection" : e.toString();
      }
      long have = size();
      fruitless = have > most ? 0 : fruitless + 1;
      most = Math.max(most, have);
      if (fruitless == FRUITLESS_ATTEMPTS) {
        throw new ExecutionFailedException(
            "%s: %s%s"
                .formatted(
                    address,
                    problem,
                    have == 0
                        ? ""
                        : "; %d bytes are kept in %s, run the command again to go on"
                            .formatted(have, part)));
      }
    }
  }

  /** Asks once; returns whether all has arrived. */
  private boolean attempt(DownloadProgress progress) throws IOException, InterruptedException {
    long have = size();
    HttpRequest.Builder request =
        HttpRequest.newBuilder(address).timeout(patience).header("User-Agent", "fullrank");
    if (have > 0) {
      request.header("Range", "bytes=" + have + "-");
    }
    HttpResponse<InputStream> response = client.send(request.build(), BodyHandlers.ofInputStream());
    try (InputStream body = response.body()) {
      switch (response.statusCode()) {
        case 200:
          receive(response, body, 0, progress);
          return true;
        case 206:
          if (!range(response).startsWith("bytes " + have + "-")) {
            delete();
            return false;
          }
          receive(response, body, have, progress);
          return true;
        case 416:
          // Nothing is missing, or what is there is longer than the file.
          if (range(response).equals("bytes */" + have)) {
            return true;
          }
          delete();
          return false;
        default:
          throw new ExecutionFailedException(
              "%s: the server answers %d%s; is the address right? --from names another one"
                  .formatted(
                      address,
                      response.statusCode(),
                      response.statusCode() == 404 ? " (not found)" : ""));
      }
    }
  }

  private void receive(
      HttpResponse<?> response, InputStream body, long from, DownloadProgress progress)
      throws IOException {
    OptionalLong length = response.headers().firstValueAsLong("Content-Length");
    OptionalLong total =
        length.isPresent() ? OptionalLong.of(from + length.getAsLong()) : OptionalLong.empty();
    String name = target.getFileName().toString();
    byte[] buffer = new byte[BUFFER_BYTES];
    long done = from;
    try (OutputStream out = open(from);
        SilenceWatch watch = new SilenceWatch(body, patience)) {
      progress.show(name, done, total);
      for (int read = watch.read(buffer); read >= 0; read = watch.read(buffer)) {
        write(out, buffer, read);
        done += read;
        progress.show(name, done, total);
      }
    }
  }

  /** Reads a body, and closes it when nothing comes any more. */
  private static final class SilenceWatch implements AutoCloseable {
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
    private final InputStream body;
    private final Duration patience;
    private volatile long lastHeard = System.nanoTime();
    private volatile boolean silent;

    SilenceWatch(InputStream body, Duration patience) {
      this.body = body;
      this.patience = patience;
      clock.schedule(this::look, patience.toNanos(), TimeUnit.NANOSECONDS);
    }

    int read(byte[] buffer) throws IOException {
      try {
        int read = body.read(buffer);
        lastHeard = System.nanoTime();
        return read;
      } catch (IOException e) {
        throw silent
            ? new HttpTimeoutException("nothing came for %d s".formatted(patience.toSeconds()))
            : e;
      }
    }

    private void look() {
      long left = patience.toNanos() - (System.nanoTime() - lastHeard);
      if (left > 0) {
        clock.schedule(this::look, left, TimeUnit.NANOSECONDS);
        return;
      }
      silent = true;
      try {
        body.close();
      } catch (IOException closed) {
        throw new UncheckedIOException(closed);
      }
    }

    @Override
    public void close() {
      clock.shutdownNow();
    }
  }

  private OutputStream open(long from) {
    try {
      return from > 0
          ? Files.newOutputStream(part, StandardOpenOption.APPEND)
          : Files.newOutputStream(part);
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  // A full disk is no reason to ask the server again.
  private void write(OutputStream out, byte[] buffer, int count) {
    try {
      out.write(buffer, 0, count);
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  private static String range(HttpResponse<?> response) {
    return response.headers().firstValue("Content-Range").orElse("");
  }

  private long size() {
    try {
      return Files.exists(part) ? Files.size(part) : 0;
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  private void delete() {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  private static ExecutionFailedException unwritable(Path file, IOException e) {
    return new ExecutionFailedException(
        "%s: cannot be written: %s".formatted(file, e.getMessage()), e);
  }
}

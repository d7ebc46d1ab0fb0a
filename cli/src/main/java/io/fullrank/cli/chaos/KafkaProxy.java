package io.fullrank.cli.chaos;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What all connections to a broker go through, since the broker advertises it. It knows whose a
 * connection is: Kafka's clients name themselves in the header of their first request.
 */
final class KafkaProxy implements AutoCloseable {

  // Size, API key, API version, correlation, length of the client's name.
  private static final int HEADER_BYTES = 4 + 2 + 2 + 4 + 2;
  private static final int BUFFER_BYTES = 1 << 14;

  private final ServerSocket server;
  private final int broker;
  private final Set<Line> lines = ConcurrentHashMap.newKeySet();
  private final Set<String> cut = ConcurrentHashMap.newKeySet();
  private final Map<String, Duration> delays = new ConcurrentHashMap<>();

  /**
   * Starts to listen on the loopback address.
   *
   * @param port where clients connect
   * @param broker the port that they are connected with
   */
  KafkaProxy(int port, int broker) throws IOException {
    this.broker = broker;
    this.server = new ServerSocket(port, 0, InetAddress.getLoopbackAddress());
    daemon("proxy", this::accept);
  }

  /** Ends the connections of clients whose name begins thus, and refuses further ones. */
  void cut(String client) {
    cut.add(client);
    lines.stream().filter(line -> line.isOf(client)).forEach(Line::close);
  }

  /** Makes every piece of data of clients whose name begins thus wait. */
  void slow(String client, Duration delay) {
    delays.put(client, delay);
  }

  /** Ends what {@link #cut} and {@link #slow} have begun. */
  void restore(String client) {
    cut.remove(client);
    delays.remove(client);
  }

  @Override
  public void close() throws IOException {
    server.close();
    lines.forEach(Line::close);
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket client = server.accept();
        daemon("proxy-line", () -> connect(client));
      } catch (IOException closed) {
        // Without the socket there are no further clients.
        return;
      }
    }
  }

  private void connect(Socket client) {
    try (client;
        Socket toBroker = new Socket(InetAddress.getLoopbackAddress(), broker)) {
      client.setTcpNoDelay(true);
      toBroker.setTcpNoDelay(true);
      byte[] first = firstBytes(client.getInputStream());
      Line line = new Line(name(first), client, toBroker);
      lines.add(line);
      if (cut.stream().anyMatch(line::isOf)) {
        line.close();
      }
      toBroker.getOutputStream().write(first);
      daemon("proxy-answers", () -> forward(line, toBroker, client));
      forward(line, client, toBroker);
    } catch (IOException ended) {
      // As either end sees it: the connection is gone.
      assert client.isClosed();
    }
  }

  /** Reads as far as the client's name goes; nothing that is no request has one. */
  private static byte[] firstBytes(InputStream in) throws IOException {
    byte[] header = in.readNBytes(HEADER_BYTES);
    int name =
        header.length == HEADER_BYTES ? ByteBuffer.wrap(header).getShort(HEADER_BYTES - 2) : 0;
    byte[] first = Arrays.copyOf(header, header.length + Math.max(0, name));
    int read = in.readNBytes(first, header.length, first.length - header.length);
    return Arrays.copyOf(first, header.length + read);
  }

  private static String name(byte[] first) {
    int begin = Math.min(HEADER_BYTES, first.length);
    return new String(first, begin, first.length - begin, StandardCharsets.UTF_8);
  }

  private void forward(Line line, Socket from, Socket to) {
    try (line) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] buffer = new byte[BUFFER_BYTES];
      int read = in.read(buffer);
      while (read >= 0) {
        for (Map.Entry<String, Duration> delay : delays.entrySet()) {
          if (line.isOf(delay.getKey())) {
            Thread.sleep(delay.getValue().toMillis());
          }
        }
        out.write(buffer, 0, read);
        read = in.read(buffer);
      }
    } catch (IOException ended) {
      // As either end sees it: the connection is gone.
      assert from.isClosed() || to.isClosed();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    } finally {
      lines.remove(line);
    }
  }

  private static void daemon(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** A client's connection and the one to the broker that belongs to it. */
  private record Line(String name, Socket client, Socket broker) implements Closeable {

    boolean isOf(String beginning) {
      return name.startsWith(beginning);
    }

    @Override
    public void close() {
      try (client) {
        broker.close();
      } catch (IOException gone) {
        // That is what was wanted.
        assert client.isClosed();
      }
    }
  }
}

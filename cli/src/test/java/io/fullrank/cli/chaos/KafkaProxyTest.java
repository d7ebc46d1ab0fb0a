package io.fullrank.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.testsupport.FreePort;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients that name themselves as Kafka's do, and a server that sends back what it gets. */
class KafkaProxyTest {

  private final List<AutoCloseable> open = new ArrayList<>();
  private KafkaProxy proxy;
  private int port;

  @BeforeEach
  void start() throws Exception {
    ServerSocket server = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    Thread echo = new Thread(() -> echo(server));
    echo.setDaemon(true);
    echo.start();
    port = FreePort.any();
    proxy = new KafkaProxy(port, server.getLocalPort());
    open.addAll(List.of(server, proxy));
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  @Test
  void cutsTheClientsThatAreNamedSoAndNoOthers() throws Exception {
    Socket trainer = client("trainer-1-outbox");
    Socket checker = client("checker-1");
    assertThat(isAnswered(trainer)).isTrue();
    assertThat(isAnswered(checker)).isTrue();

    proxy.cut("trainer-1");

    assertThat(isAnswered(trainer)).isFalse();
    assertThat(isAnswered(client("trainer-1-run-queue"))).isFalse();
    assertThat(isAnswered(checker)).isTrue();
    proxy.restore("trainer-1");
    assertThat(isAnswered(client("trainer-1-run-queue"))).isTrue();
  }

  @Test
  void makesTheClientsThatAreNamedSoWait() throws Exception {
    Socket trainer = client("trainer-1-outbox");
    assertThat(isAnswered(trainer)).isTrue();

    proxy.slow("trainer-1", Duration.ofMillis(100));

    long begun = System.nanoTime();
    assertThat(isAnswered(trainer)).isTrue();
    // On the way there and on the way back.
    assertThat(Duration.ofNanos(System.nanoTime() - begun).toMillis()).isGreaterThanOrEqualTo(200);
  }

  private Socket client(String name) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    open.add(socket);
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    out.writeInt(2 + 2 + 4 + 2 + bytes.length);
    out.writeShort(18);
    out.writeShort(0);
    out.writeInt(1);
    out.writeShort(bytes.length);
    out.write(bytes);
    return socket;
  }

  /** Sends a request and reads until it has come back, behind all that came before it. */
  private static boolean isAnswered(Socket socket) {
    try {
      socket.getOutputStream().write("request!".getBytes(StandardCharsets.US_ASCII));
      DataInputStream in = new DataInputStream(socket.getInputStream());
      int read = in.read();
      while (read >= 0 && read != '!') {
        read = in.read();
      }
      return read == '!';
    } catch (IOException ended) {
      return false;
    }
  }

  private static void echo(ServerSocket server) {
    try {
      while (true) {
        Socket client = server.accept();
        Thread thread =
            new Thread(
                () -> {
                  try (client) {
                    client.getInputStream().transferTo(client.getOutputStream());
                  } catch (IOException ended) {
                    assert client.isClosed();
                  }
                });
        thread.setDaemon(true);
        thread.start();
      }
    } catch (IOException closed) {
      assert server.isClosed();
    }
  }
}

package io.fullrank.service.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.ChannelInitializerExtension;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HandshakeLogTest {

  private final Logger logger = Logger.getLogger(HandshakeLog.class.getName());
  private final Lines lines = new Lines();
  private final HandshakeLog log = new HandshakeLog();

  @BeforeEach
  void listen() {
    logger.addHandler(lines);
    logger.setUseParentHandlers(false);
  }

  @AfterEach
  void stopListening() {
    logger.removeHandler(lines);
    logger.setUseParentHandlers(true);
  }

  @Test
  void nettyFindsIt() {
    assertThat(ServiceLoader.load(ChannelInitializerExtension.class))
        .hasAtLeastOneElementOfType(HandshakeLog.class);
  }

  @Test
  void tellsAtOnceWhoDoesNotSpeakTlsAndNothingOfWhatWasSent() throws Exception {
    secured("10.0.0.7", 51000).send("GET /metrics HTTP/1.1\r\nAuthorization: Bearer abc\r\n\r\n");

    assertThat(lines.take())
        .containsExactly(
            "Refused a connection from 10.0.0.7:51000 to port 9001: it does not speak TLS");
  }

  @Test
  void tellsWhoGoesAwayDuringTheHandshake() throws Exception {
    Connection leaving = secured("10.0.0.7", 51000);
    // The beginning of a handshake's first record.
    leaving.writeInbound(Unpooled.wrappedBuffer(new byte[] {22, 3, 1}));
    leaving.close();

    assertThat(lines.take())
        .containsExactly(
            "Refused a connection from 10.0.0.7:51000 to port 9001: it was closed during the"
                + " handshake");
  }

  @Test
  void keepsQuietAboutThoseWhoAskNothingAndWhereThereIsNoTls() throws Exception {
    secured("10.0.0.7", 51000).close();
    Connection plain = new Connection("10.0.0.8", 51000, new ChannelInboundHandlerAdapter());
    plain.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    assertThat((ByteBuf) plain.readInbound()).isNotNull();
    assertThat(lines.take()).isEmpty();
  }

  @Test
  void countsWhatRepeatsItselfAndTellsItOnceAMinute() throws Exception {
    Connection first = secured("10.0.0.7", 51000);
    first.send("no TLS");
    for (int port = 51001; port <= 51041; port++) {
      secured("10.0.0.7", port).send("no TLS");
    }
    secured("10.0.0.8", 51000).send("no TLS");
    assertThat(lines.take())
        .containsExactly(
            "Refused a connection from 10.0.0.7:51000 to port 9001: it does not speak TLS",
            "Refused a connection from 10.0.0.8:51000 to port 9001: it does not speak TLS");

    first.pass(59);
    assertThat(lines.take()).isEmpty();
    first.pass(1);
    assertThat(lines.take())
        .containsExactly(
            "Refused 41 more in the last minute from 10.0.0.7 to port 9001: it does not speak TLS");

    // A client that goes on is still counted; one that was gone for a minute is logged at once
    // again.
    secured("10.0.0.7", 52000).send("no TLS");
    secured("10.0.0.8", 52000).send("no TLS");
    assertThat(lines.take())
        .containsExactly(
            "Refused a connection from 10.0.0.8:52000 to port 9001: it does not speak TLS");
    first.pass(60);
    assertThat(lines.take())
        .containsExactly(
            "Refused 1 more in the last minute from 10.0.0.7 to port 9001: it does not speak TLS");
    first.pass(60);
    secured("10.0.0.7", 53000).send("no TLS");
    assertThat(lines.take())
        .containsExactly(
            "Refused a connection from 10.0.0.7:53000 to port 9001: it does not speak TLS");
  }

  @Test
  void isNotFloodedFromManyAddresses() throws Exception {
    Connection first = secured("10.1.0.0", 51000);
    first.send("no TLS");
    for (int host = 1; host < 300; host++) {
      secured("10.1.%d.%d".formatted(host / 100, host % 100), 51000).send("no TLS");
    }
    assertThat(lines.take()).hasSize(101).last().asString().contains("10.1.1.0:51000");

    first.pass(60);
    assertThat(lines.take())
        .containsExactly(
            "Refused 199 more in the last minute from other places: for several reasons");
  }

  private Connection secured(String host, int port) throws Exception {
    SSLEngine engine = SSLContext.getDefault().createSSLEngine();
    engine.setUseClientMode(false);
    return new Connection(host, port, new SslHandler(engine));
  }

  /** A connection to port 9001, whose time passes when it is told to. */
  private final class Connection extends EmbeddedChannel {

    private final InetSocketAddress client;

    Connection(String host, int port, ChannelHandler handler) {
      client = new InetSocketAddress(host, port);
      // As Netty does: handlers that look at connections come after those that the server has
      // added.
      pipeline().addLast(handler);
      // Time goes on by pass() alone, however slow the machine is.
      freezeTime();
      log.postInitializeServerChildChannel(this);
    }

    void send(String text) {
      try {
        writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
      } catch (DecoderException refused) {
        // As the server would see it, which closes the connection. Here that would stop the clock.
      }
    }

    void pass(long seconds) {
      advanceTimeBy(seconds, TimeUnit.SECONDS);
      runScheduledPendingTasks();
    }

    @Override
    protected SocketAddress remoteAddress0() {
      return isOpen() ? client : null;
    }

    @Override
    protected SocketAddress localAddress0() {
      return isOpen() ? new InetSocketAddress("10.0.0.1", 9001) : null;
    }
  }

  private static final class Lines extends Handler {

    private final List<String> lines = new ArrayList<>();

    @Override
    public void publish(LogRecord line) {
      lines.add(line.getMessage());
    }

    List<String> take() {
      List<String> taken = List.copyOf(lines);
      lines.clear();
      return taken;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}

package io.fullrank.service.security;

import io.netty.bootstrap.ChannelInitializerExtension;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.EventExecutor;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.security.cert.CertificateException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * Logs each connection that could not be secured, with its address and the reason: it does not
 * speak TLS, its certificate is not trusted, or it does not trust this service's. Repeated lines
 * are counted and logged once a minute. Netty finds this class by itself and shows it every
 * connection, of gRPC as well as of HTTP.
 */
public final class HandshakeLog extends ChannelInitializerExtension {

  private static final Logger LOG = Logger.getLogger(HandshakeLog.class);
  private static final int PERIOD_SECONDS = 60;

  // At most this many different reasons are told apart, so that invented ones do not fill the log.
  private static final int MOST = 100;
  private static final Refusal FURTHER = new Refusal("other places", "for several reasons");

  private record Refusal(String whence, String reason) {}

  // How often each reason came since it was logged last; one that did not come again is forgotten.
  private final Map<Refusal, Integer> untold = new LinkedHashMap<>();

  /** Makes Netty look for this class; has to be called before anything listens. */
  public static void enable() {
    System.setProperty(EXTENSIONS_SYSTEM_PROPERTY, "serviceload");
  }

  @Override
  public void postInitializeServerChildChannel(Channel connection) {
    connection.pipeline().addFirst(new FirstBytes());
  }

  /** The first bytes of a connection tell whether it speaks TLS; one without bytes is ignored. */
  private final class FirstBytes extends ChannelInboundHandlerAdapter {

    @Override
    public void channelRead(ChannelHandlerContext context, Object bytes) {
      SslHandler tls = context.pipeline().get(SslHandler.class);
      context.pipeline().remove(this);
      if (tls != null) {
        // The addresses are unknown once the connection is closed.
        InetSocketAddress client = (InetSocketAddress) context.channel().remoteAddress();
        int port = ((InetSocketAddress) context.channel().localAddress()).getPort();
        tls.handshakeFuture()
            .addListener(
                handshake -> {
                  if (!handshake.isSuccess()) {
                    refused(client, port, reason(handshake.cause()), context.executor());
                  }
                });
      }
      context.fireChannelRead(bytes);
    }
  }

  private synchronized void refused(
      InetSocketAddress client, int port, String reason, EventExecutor timer) {
    if (untold.isEmpty()) {
      tellLater(timer);
    }
    Refusal refusal =
        new Refusal("%s to port %d".formatted(client.getAddress().getHostAddress(), port), reason);
    if (untold.size() >= MOST && !untold.containsKey(refusal)) {
      refusal = FURTHER;
    }
    Integer times = untold.putIfAbsent(refusal, 0);
    if (times == null) {
      LOG.warnf(
          "Refused a connection from %s to port %d: %s",
          NetUtil.toSocketAddressString(client), port, reason);
    } else {
      untold.put(refusal, times + 1);
    }
  }

  private void tellLater(EventExecutor timer) {
    var unused = timer.schedule(() -> tell(timer), PERIOD_SECONDS, TimeUnit.SECONDS);
  }

  private synchronized void tell(EventExecutor timer) {
    untold.values().removeIf(times -> times == 0);
    untold.replaceAll(
        (refusal, times) -> {
          LOG.warnf(
              "Refused %d more in the last minute from %s: %s",
              times, refusal.whence(), refusal.reason());
          return 0;
        });
    if (!untold.isEmpty()) {
      tellLater(timer);
    }
  }

  private static String reason(Throwable failure) {
    if (failure instanceof NotSslRecordException) {
      // Its message shows what came, which may be a token.
      return "it does not speak TLS";
    }
    Throwable cause = failure;
    while (cause.getCause() != null && !(cause instanceof CertificateException)) {
      cause = cause.getCause();
    }
    if (cause instanceof ClosedChannelException) {
      return "it was closed during the handshake";
    }
    String message = (cause instanceof CertificateException ? cause : failure).getMessage();
    // A client may write what it likes into its certificate.
    return String.valueOf(message).replaceAll("\\p{Cntrl}+", " ");
  }
}

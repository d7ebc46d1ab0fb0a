package io.fullrank.service.security;

import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * Logs each call that is refused because of its caller or because it asks for too much, up to a
 * limit for each host and minute. Those over it are counted and told when the minute is over.
 */
final class RefusalLog extends ServerStreamTracer.Factory {

  private static final Logger LOG = Logger.getLogger(RefusalLog.class);
  private static final Set<Status.Code> REFUSALS =
      Set.of(
          Status.Code.UNAUTHENTICATED,
          Status.Code.PERMISSION_DENIED,
          Status.Code.RESOURCE_EXHAUSTED);
  private static final int PERIOD_SECONDS = 60;

  /** Lines of a minute for one host. */
  private static final int LINES = 60;

  /** At most this many hosts are told apart, so that invented addresses do not fill the log. */
  private static final int HOSTS = 100;

  private static final String FURTHER = "other places";

  /** Callers choose paths, and much of what reasons quote. */
  private static final int LONGEST = 300;

  private final ScheduledExecutorService timer;

  // Guarded by this: how many calls were refused since the minute began, by host.
  private final Map<String, Integer> refused = new LinkedHashMap<>();

  /** Creates a log whose minutes a timer counts. */
  RefusalLog(ScheduledExecutorService timer) {
    this.timer = timer;
  }

  @Override
  public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
    return new ServerStreamTracer() {
      private volatile SocketAddress client;

      @Override
      public void serverCallStarted(ServerCallInfo<?, ?> call) {
        client = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
      }

      @Override
      public void streamClosed(Status status) {
        if (REFUSALS.contains(status.getCode())) {
          refused(method, String.valueOf(client), host(client), status);
        }
      }
    };
  }

  /**
   * Logs a call that was refused, or counts it.
   *
   * @param call what was asked for
   * @param client where the call came from, for people
   * @param host the client's host
   */
  synchronized void refused(String call, String client, String host, Status status) {
    if (refused.isEmpty()) {
      var unused = timer.schedule(this::tell, PERIOD_SECONDS, TimeUnit.SECONDS);
    }
    String known = refused.containsKey(host) || refused.size() < HOSTS ? host : FURTHER;
    if (refused.merge(known, 1, Integer::sum) <= LINES) {
      LOG.warnf(
          "Refused %s from %s: %s, %s",
          shortened(call), client, status.getCode(), shortened(status.getDescription()));
    }
  }

  private synchronized void tell() {
    refused.forEach(
        (host, times) -> {
          if (times > LINES) {
            LOG.warnf("Refused %d more calls in the last minute from %s", times - LINES, host);
          }
        });
    refused.clear();
  }

  private static String host(SocketAddress client) {
    return client instanceof InetSocketAddress internet
        ? internet.getAddress().getHostAddress()
        : String.valueOf(client);
  }

  private static String shortened(String text) {
    return text == null || text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
  }
}

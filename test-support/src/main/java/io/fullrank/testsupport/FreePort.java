package io.fullrank.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Ports for programs that have to be told one. */
public final class FreePort {

  private FreePort() {}

  /**
   * Returns a port of the loopback address on which nothing listens. Since tests run side by side,
   * the system must not give it to another program that asks for any port: for a minute it keeps
   * back the port of a connection that this end has closed first (TIME_WAIT). It still lets a
   * program listen there that names the port and allows the reuse of addresses, as Java's do on
   * Linux.
   */
  public static int any() {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (ServerSocket server = new ServerSocket(0, 1, loopback);
        Socket client = new Socket(loopback, server.getLocalPort())) {
      server.accept().close();
      // Until the other end has closed, too, the connection waits for it.
      if (client.getInputStream().read() >= 0) {
        throw new IllegalStateException("nothing was sent");
      }
      return server.getLocalPort();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}

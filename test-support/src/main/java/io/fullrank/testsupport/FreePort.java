package io.fullrank.testsupport;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;

/** Ports for programs that have to be told one. */
public final class FreePort {

  // The system gives these to no program that does not name them: it chooses ports of servers that
  // take any, and of all connections, from 32768 upwards on Linux and from 49152 elsewhere.
  private static final int FIRST = 20_000;
  private static final int LAST = 32_767;

  // Open as long as this process lives: by them other processes that look for a port here see
  // which ones are taken, also while the server that has to listen there is down or not yet up.
  private static final Queue<DatagramSocket> RESERVATIONS = new ConcurrentLinkedQueue<>();

  private FreePort() {}

  /**
   * Returns a TCP port on which nothing listens or is connected, at any address of this machine. No
   * test gets it again as long as this process lives, whether or not a program listens there.
   */
  public static int any() {
    int ports = LAST - FIRST + 1;
    int start = ThreadLocalRandom.current().nextInt(ports);
    for (int k = 0; k < ports; k++) {
      int port = FIRST + (start + k) % ports;
      if (reserved(port)) {
        return port;
      }
    }
    throw new IllegalStateException("none of the ports %d to %d is free".formatted(FIRST, LAST));
  }

  private static boolean reserved(int port) {
    DatagramSocket reservation;
    try {
      reservation = new DatagramSocket(port);
    } catch (IOException reservedByAnother) {
      return false;
    }
    try (ServerSocket server = new ServerSocket(port)) {
      return server.isBound() && RESERVATIONS.add(reservation);
    } catch (IOException inUse) {
      reservation.close();
      return false;
    }
  }
}

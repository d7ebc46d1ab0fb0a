package io.fullrank.testsupport.kafka;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.testsupport.FreePort;
import java.io.IOException;
import java.nio.file.Path;

/** A real broker that a test kills and starts again; it keeps its data and its address. */
public final class MortalBroker implements AutoCloseable {

  private final Path folder;
  private final int port = FreePort.any();
  private EmbeddedKafka kafka;

  private MortalBroker(Path folder) {
    this.folder = folder;
  }

  /** Starts a broker with its data in a folder. */
  public static MortalBroker start(Path folder) throws IOException, InterruptedException {
    MortalBroker broker = new MortalBroker(folder);
    broker.kafka = EmbeddedKafka.start(folder, broker.port);
    return broker;
  }

  /** Returns the address that clients connect to, whether or not it is alive. */
  public String bootstrapServers() {
    return kafka.bootstrapServers();
  }

  /** Kills the broker, as a failing machine would. */
  public void kill() throws InterruptedException {
    kafka.kill();
  }

  /** Starts the broker again, if it has been killed. */
  public void startAgain() throws IOException, InterruptedException {
    if (!kafka.isAlive()) {
      kafka = EmbeddedKafka.start(folder, port);
    }
  }

  @Override
  public void close() throws InterruptedException {
    kafka.close();
  }
}

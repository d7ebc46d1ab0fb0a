package io.fullrank.broker;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BrokerTest {

  @TempDir Path folder;

  @Test
  void tellsClientsTheAdvertisedAddress() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    BrokerSettings settings = new BrokerSettings(folder, "0.0.0.0", port, "localhost:" + port);

    try (Broker broker = Broker.start(settings);
        Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      assertThat(admin.describeCluster().nodes().get())
          .singleElement()
          .satisfies(node -> assertThat(node.host()).isEqualTo("localhost"));
      broker.close();
      broker.awaitEnd();
    }
  }
}

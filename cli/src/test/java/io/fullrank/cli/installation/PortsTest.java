package io.fullrank.cli.installation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.cli.failure.BadInputException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PortsTest {

  @Test
  void keepsTheDefaultsExceptWhereTold() {
    Ports ports = Ports.defaultsExcept(Map.of(Endpoint.METRICS_GRPC, 19003));

    assertThat(ports.of(Endpoint.METRICS_GRPC)).isEqualTo(19003);
    assertThat(ports.of(Endpoint.KAFKA)).isEqualTo(9092);
    assertThat(ports.of(Endpoint.TRAINER_GRPC)).isEqualTo(9001);
    assertThat(ports.of(Endpoint.CHECKER_HTTP)).isEqualTo(8082);
  }

  @Test
  void findsDifferentFreePortsAndKeepsTheGivenOnes() {
    Ports ports = Ports.anyFreeExcept(Map.of(Endpoint.KAFKA, 9092));

    assertThat(ports.of(Endpoint.KAFKA)).isEqualTo(9092);
    assertThat(new HashSet<>(ports.numbers().values())).hasSize(Endpoint.values().length);
  }

  @Test
  void refusesOnePortForTwo() {
    assertThatThrownBy(() -> Ports.defaultsExcept(Map.of(Endpoint.KAFKA, 9001)))
        .isInstanceOf(BadInputException.class)
        .hasMessage(
            "port 9001 is given to Kafka and to trainer gRPC; change --kafka-port or"
                + " --trainer-port");
  }

  @Test
  void refusesWhatIsNoPort() {
    assertThatThrownBy(() -> Ports.defaultsExcept(Map.of(Endpoint.KAFKA, 70000)))
        .isInstanceOf(BadInputException.class)
        .hasMessage("--kafka-port 70000: a port is a number from 1 to 65535");
  }

  @Test
  void namesTheTakenPortAndItsOption() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      Ports ports = Ports.anyFreeExcept(Map.of(Endpoint.METRICS_GRPC, taken.getLocalPort()));

      assertThatThrownBy(ports::requireFree)
          .isInstanceOf(BadInputException.class)
          .hasMessage(
              "port %d (metrics gRPC) is taken; choose another with --metrics-port, or let"
                      .formatted(taken.getLocalPort())
                  + " --any-ports choose");
    }
  }

  @Test
  void noticesAPortThatIsTakenOnAllAddresses() throws Exception {
    try (ServerSocket first = new ServerSocket(0);
        ServerSocket second = new ServerSocket(0)) {
      Ports ports =
          Ports.anyFreeExcept(
              Map.of(
                  Endpoint.KAFKA, first.getLocalPort(),
                  Endpoint.TRAINER_HTTP, second.getLocalPort()));

      assertThatThrownBy(ports::requireFree)
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("%d (Kafka)".formatted(first.getLocalPort()))
          .hasMessageContaining("%d (trainer HTTP)".formatted(second.getLocalPort()))
          .hasMessageContaining("--kafka-port, --trainer-http-port");
    }
  }
}

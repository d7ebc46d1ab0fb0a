package io.fullrank.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.cli.CommandRun;
import io.fullrank.cli.ScriptedServices;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import io.fullrank.testsupport.FreePort;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorCommandTest {

  @TempDir Path folder;

  @Test
  void saysALineForEachThing() throws Exception {
    Files.createDirectories(folder.resolve("semeion"));

    CommandRun run = CommandRun.of("doctor", "--data", folder.toString());

    assertThat(run.err()).isEmpty();
    assertThat(run.status()).as(run.out()).isZero();
    assertThat(run.out().lines())
        .anyMatch(line -> line.matches(" {2}ok +Java +17\\..*|  ok +Java +[2-9]\\d.*"))
        .anyMatch(line -> line.matches(".* native libraries +OpenBLAS and ND4J are loaded"))
        .anyMatch(line -> line.matches(" {2}ok +linear algebra .*gives the known answers"))
        .anyMatch(line -> line.matches(" {2}note +services .*is missing.*"))
        .anyMatch(line -> line.matches(" {2}ok +data sets +1 in .*"))
        .anyMatch(line -> line.matches(" {2}(ok|note) +CUDA .*"))
        .anyMatch(line -> line.matches(" {2}(ok|note) +ports .*"))
        .noneMatch(line -> line.contains(" server "));
  }

  @Test
  void printsTheSameAsJson() throws Exception {
    CommandRun run = CommandRun.of("doctor", "--json", "--data", folder.resolve("none").toString());

    JsonNode printed = new ObjectMapper().readTree(run.out());
    assertThat(printed.get("well").booleanValue()).isEqualTo(run.status() == 0);
    assertThat(printed.get("findings"))
        .anySatisfy(
            finding -> {
              assertThat(finding.get("subject").textValue()).isEqualTo("data sets");
              assertThat(finding.get("condition").textValue()).isEqualTo("NOTE");
              assertThat(finding.get("advice").textValue()).contains("fullrank data download");
            });
  }

  @Test
  void asksTheServerThatIsNamed() throws Exception {
    try (ScriptedServices services = new ScriptedServices()) {
      services.thenRuns();
      int port = services.ports().of(Endpoint.METRICS_GRPC);

      CommandRun answered = CommandRun.of("doctor", "--metrics-port", "" + port);

      assertThat(answered.out()).containsPattern("ok +server +the metrics service answers");
    }
    int silent = FreePort.any();

    CommandRun refused = CommandRun.of("doctor", "--metrics-port", "" + silent);

    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.out()).containsPattern("bad +server +.*:" + silent + " does not answer");
  }

  @Test
  void namesPortsThatAreTaken() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      Map<Endpoint, Integer> numbers = new EnumMap<>(Endpoint.class);
      numbers.put(Endpoint.KAFKA, taken.getLocalPort());

      Finding finding = Software.ports(Ports.anyFreeExcept(numbers));

      assertThat(finding.condition()).isEqualTo(Finding.Condition.NOTE);
      assertThat(finding.found()).contains("port " + taken.getLocalPort() + " (Kafka) is taken");
    }
  }
}

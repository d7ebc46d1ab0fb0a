package io.fullrank.checker;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.JavaProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckerMainTest {

  @TempDir Path folder;

  @Test
  void saysInOneLineWhatIsWrongWithAPlugin() throws Exception {
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    PluginJar.ofExample()
        .renamed("com.example.sparsity\"", "margins\"")
        .write(plugins.resolve("a.jar"));
    Path log = folder.resolve("log");
    try (JavaProcess checker =
        JavaCommand.main(CheckerMain.class)
            .with("-Dfullrank.grpc.port=0", "-Dfullrank.http.port=0")
            .in(Map.of("FULLRANK_CHECKER_PLUGINS", plugins.toString()))
            .start(log)) {
      assertThat(checker.awaitExit()).isEqualTo(2);
    }
    assertThat(Files.readAllLines(log))
        .filteredOn(line -> !line.contains("INFO"))
        .singleElement()
        .asString()
        .startsWith(
            "fullrank-checker: fullrank.checker.plugins: com.example.sparsity.SparsityCheck");
  }

  @Test
  void saysInOneLineThatCudaHasNoDevice() throws Exception {
    Path log = folder.resolve("log");
    // Where there is a device, the process may not see it.
    Map<String, String> environment =
        Map.of("FULLRANK_CHECKER_BACKEND", "cuda", "CUDA_VISIBLE_DEVICES", "");
    try (JavaProcess checker =
        JavaCommand.main(CheckerMain.class)
            .with("-Dfullrank.grpc.port=0", "-Dfullrank.http.port=0")
            .in(environment)
            .start(log)) {
      assertThat(checker.awaitExit()).isEqualTo(2);
    }
    assertThat(Files.readAllLines(log))
        .singleElement()
        .asString()
        .startsWith("fullrank-checker: fullrank.checker.backend: 'cuda' cannot be used, no CUDA: ");
  }
}

package io.fullrank.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A folder of {@code k8s} that kubectl applies, rendered as it would apply it. */
record Kustomization(String folder) {

  static final Path K8S = Path.of("..", "k8s");

  private static final YAMLMapper YAML = new YAMLMapper();
  // Components and the labels transformer as they are used here.
  private static final int OLDEST_KUSTOMIZE = 5;
  private static final Pattern VERSION =
      Pattern.compile("\"kustomizeVersion\": \"v(\\d+)\\.[^\"]*\"");

  /**
   * Returns the objects that kubectl would apply. Skips the test, with the reason, where there is
   * no kubectl that can render them.
   */
  List<ObjectNode> render() throws IOException, InterruptedException {
    requireKubectl();
    Path errors = Files.createTempFile("kubectl", ".err");
    Process kubectl =
        new ProcessBuilder("kubectl", "kustomize", K8S.resolve(folder).toString())
            .redirectError(errors.toFile())
            .start();
    byte[] rendered = kubectl.getInputStream().readAllBytes();
    assertThat(kubectl.waitFor())
        .as("kubectl kustomize k8s/%s: %s", folder, Files.readString(errors))
        .isZero();
    Files.delete(errors);
    return parse(new String(rendered, StandardCharsets.UTF_8));
  }

  static List<ObjectNode> parse(String yaml) throws IOException {
    List<ObjectNode> objects = new ArrayList<>();
    for (JsonNode document : YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml).readAll()) {
      objects.add((ObjectNode) document);
    }
    return objects;
  }

  private static void requireKubectl() throws IOException, InterruptedException {
    Process version;
    try {
      version =
          new ProcessBuilder("kubectl", "version", "--client", "--output=json")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
    } catch (IOException absent) {
      assumeTrue(false, "SKIPPED: there is no kubectl in the PATH; .ci/run says where to get it");
      return;
    }
    String output = new String(version.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    version.waitFor();
    Matcher found = VERSION.matcher(output);
    assumeTrue(
        found.find() && Integer.parseInt(found.group(1)) >= OLDEST_KUSTOMIZE,
        "SKIPPED: the kubectl in the PATH is too old, 1.27 is needed: " + output);
  }

  @Override
  public String toString() {
    return "k8s/" + folder;
  }
}

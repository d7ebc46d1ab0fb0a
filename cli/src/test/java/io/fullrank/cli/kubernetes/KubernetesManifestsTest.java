package io.fullrank.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fullrank.cli.kubernetes.ManifestRules.Facts;
import io.fullrank.proto.Topic;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The folders of {@code k8s} that an operator applies, as kubectl renders them. */
class KubernetesManifestsTest {

  private static final Path ROOT = Path.of("..");
  private static final String POD = "/spec/template/spec";
  private static final String CONTAINER = POD + "/containers/0";
  // Fields below these are names of the user's choice.
  private static final Set<String> FREE =
      Set.of(
          "labels",
          "annotations",
          "matchLabels",
          "nodeSelector",
          "selector",
          "data",
          "requests",
          "limits",
          "config");

  private static final String CHECK_PLUGINS = "../cli/src/test/kubernetes/check-plugins";

  /** What is applied, and what is there before: the overlay it is for. */
  static Stream<Arguments> applied() {
    return Stream.of(
        Arguments.of(new Kustomization("overlays/dev"), List.of()),
        Arguments.of(new Kustomization("overlays/strimzi"), List.of()),
        Arguments.of(
            new Kustomization("overlays/cpu"), List.of(new Kustomization("overlays/strimzi"))),
        Arguments.of(
            new Kustomization("overlays/gpu"), List.of(new Kustomization("overlays/strimzi"))),
        Arguments.of(new Kustomization(CHECK_PLUGINS), List.of()),
        Arguments.of(new Kustomization("data"), List.of(new Kustomization("overlays/dev"))),
        Arguments.of(new Kustomization("smoke"), List.of(new Kustomization("overlays/cpu"))));
  }

  @ParameterizedTest
  @MethodSource("applied")
  void everyFieldIsKnownAndEveryRuleKept(Kustomization applied, List<Kustomization> before)
      throws Exception {
    List<ObjectNode> objects = applied.render();

    for (ObjectNode object : objects) {
      KubernetesModels.read(object);
    }
    assertThat(ManifestRules.violations(objects, render(before), facts())).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"overlays/dev", "overlays/strimzi", "overlays/gpu"})
  void aFieldThatIsUnknownIsRefusedWhereverItStands(String folder) throws Exception {
    int places = 0;
    for (ObjectNode object : new Kustomization(folder).render()) {
      for (ObjectNode place : places(object)) {
        place.put("replicaz", 1);
        assertThatThrownBy(() -> KubernetesModels.read(object))
            .as("%s", object)
            .isInstanceOf(JsonProcessingException.class)
            .hasMessageContaining("replicaz");
        place.remove("replicaz");
        places++;
      }
    }
    assertThat(places).isGreaterThan(100);
  }

  @Test
  void checkersLoadThePlugInsOfTheImageThatTheOverlayNames() throws Exception {
    List<ObjectNode> objects = new Kustomization(CHECK_PLUGINS).render();

    ObjectNode checker =
        objects.stream()
            .filter(object -> object.at("/metadata/name").asText().equals("fullrank-checker"))
            .filter(object -> object.path("kind").asText().equals("Deployment"))
            .findFirst()
            .orElseThrow();
    assertThat(checker.at(POD + "/initContainers/0/image").asText())
        .isEqualTo("registry.example.com/check-plugins:1.0");
    assertThat(checker.at(POD + "/initContainers/0/volumeMounts/0/name").asText())
        .isEqualTo("check-plugins");
    assertThat(checker.at(CONTAINER + "/env"))
        .anySatisfy(
            variable -> {
              assertThat(variable.path("name").asText()).isEqualTo("FULLRANK_CHECKER_PLUGINS");
              assertThat(variable.path("value").asText()).isEqualTo("/plugins");
            });
    assertThat(checker.at(CONTAINER + "/volumeMounts"))
        .anySatisfy(
            mount -> {
              assertThat(mount.path("name").asText()).isEqualTo("check-plugins");
              assertThat(mount.path("mountPath").asText()).isEqualTo("/plugins");
            });
  }

  @Test
  void developmentNeedsNoCustomResources() throws Exception {
    assertThat(new Kustomization("overlays/dev").render())
        .extracting(object -> object.path("apiVersion").asText())
        .containsOnly("v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1");
  }

  @TestFactory
  Stream<DynamicTest> noticesWhatIsWrong() throws Exception {
    List<ObjectNode> dev = new Kustomization("overlays/dev").render();
    List<ObjectNode> gpu = new Kustomization("overlays/gpu").render();
    List<ObjectNode> strimzi = new Kustomization("overlays/strimzi").render();
    Map<String, Consumer<Map<String, ObjectNode>>> mutations = new HashMap<>();
    mutations.put(
        "Deployment fullrank-trainer container trainer has no limits of memory",
        of ->
            at(of, "Deployment fullrank-trainer", CONTAINER + "/resources/limits")
                .remove("memory"));
    mutations.put(
        "Deployment fullrank-trainer container trainer does not tell the virtual machine its limit of"
            + " memory",
        of ->
            at(of, "Deployment fullrank-trainer", CONTAINER)
                .withArray("env")
                .forEach(
                    variable -> {
                      if (variable.path("name").asText().equals("JAVA_TOOL_OPTIONS")) {
                        ((ObjectNode) variable).put("value", "-XX:MaxRAM=2g");
                      }
                    }));
    mutations.put(
        "Deployment fullrank-trainer container trainer has an image of any tag",
        of ->
            at(of, "Deployment fullrank-trainer", CONTAINER)
                .put("image", "registry:5000/trainer:latest"));
    mutations.put(
        "StatefulSet fullrank-kafka container kafka has an image of any tag",
        of -> at(of, "StatefulSet fullrank-kafka", CONTAINER).put("image", "registry:5000/cli"));
    mutations.put(
        "Deployment fullrank-checker container checker has image localhost/fullrank/checker:0.0.9",
        of ->
            at(of, "Deployment fullrank-checker", CONTAINER)
                .put("image", "localhost/fullrank/checker:0.0.9"));
    mutations.put(
        "Deployment fullrank-checker may run as root",
        of ->
            at(of, "Deployment fullrank-checker", POD + "/securityContext").remove("runAsNonRoot"));
    mutations.put(
        "Deployment fullrank-checker has no seccomp profile",
        of ->
            at(of, "Deployment fullrank-checker", POD + "/securityContext")
                .remove("seccompProfile"));
    mutations.put(
        "container checker may gain privileges",
        of ->
            at(of, "Deployment fullrank-checker", CONTAINER + "/securityContext")
                .put("allowPrivilegeEscalation", true));
    mutations.put(
        "container checker writes to its root file system",
        of ->
            at(of, "Deployment fullrank-checker", CONTAINER + "/securityContext")
                .remove("readOnlyRootFilesystem"));
    mutations.put(
        "container checker has capabilities",
        of ->
            at(of, "Deployment fullrank-checker", CONTAINER + "/securityContext/capabilities")
                .putArray("add")
                .add("NET_ADMIN"));
    mutations.put(
        "Deployment fullrank-checker mounts a token of its service account",
        of -> at(of, "Deployment fullrank-checker", POD).remove("automountServiceAccountToken"));
    mutations.put(
        "ServiceAccount fullrank-checker mounts a token of its service account",
        of ->
            at(of, "ServiceAccount fullrank-checker", "")
                .put("automountServiceAccountToken", true));
    mutations.put(
        "volume host is of a kind that is not allowed",
        of ->
            ((ArrayNode) of.get("Deployment fullrank-checker").at(POD + "/volumes"))
                .addObject()
                .put("name", "host")
                .putObject("hostPath")
                .put("path", "/"));
    mutations.put(
        "Job fullrank-smoke uses hostNetwork",
        of -> at(of, "Job fullrank-smoke", POD).put("hostNetwork", true));
    mutations.put(
        "container metrics has no livenessProbe",
        of -> at(of, "StatefulSet fullrank-metrics", CONTAINER).remove("livenessProbe"));
    mutations.put(
        "container metrics has a readinessProbe of a port that it has not",
        of ->
            at(of, "StatefulSet fullrank-metrics", CONTAINER + "/readinessProbe/httpGet")
                .put("port", "page"));
    mutations.put(
        "container metrics is restarted when it is not ready",
        of ->
            at(of, "StatefulSet fullrank-metrics", CONTAINER)
                .set(
                    "livenessProbe",
                    at(of, "StatefulSet fullrank-metrics", CONTAINER + "/readinessProbe")));
    mutations.put(
        "container checker is killed before it has stopped, which takes it 30 s",
        of -> at(of, "Deployment fullrank-checker", POD).put("terminationGracePeriodSeconds", 29));
    mutations.put(
        "container trainer is killed before it has stopped, which takes it 40 s",
        of -> at(of, "Deployment fullrank-trainer", POD).put("terminationGracePeriodSeconds", 39));
    mutations.put(
        "sets FULLRANK_TRAINER_GROUPS, which docs/configuration.md does not have",
        of ->
            ((ArrayNode) of.get("Deployment fullrank-trainer").at(CONTAINER + "/env"))
                .addObject()
                .put("name", "FULLRANK_TRAINER_GROUPS")
                .put("value", "a"));
    mutations.put(
        "has no ConfigMap fullrank-environment",
        of -> of.keySet().removeIf(title -> title.startsWith("ConfigMap fullrank-environment")));
    mutations.put(
        "Deployment fullrank-trainer has no claim fullrank-data",
        of -> of.remove("PersistentVolumeClaim fullrank-data"));
    mutations.put(
        "Deployment fullrank-trainer has no ServiceAccount fullrank-trainer",
        of -> of.remove("ServiceAccount fullrank-trainer"));
    mutations.put(
        "StatefulSet fullrank-metrics has no Service fullrank-metrics-peers",
        of -> of.remove("Service fullrank-metrics-peers"));
    mutations.put(
        "Service fullrank-trainer selects no pods",
        of ->
            at(of, "Service fullrank-trainer", "/spec/selector")
                .put("app.kubernetes.io/name", "trainer"));
    mutations.put(
        "Service fullrank-trainer leads to port https, which its pods have not",
        of -> at(of, "Service fullrank-trainer", "/spec/ports/0").put("targetPort", "https"));
    mutations.put(
        "Service fullrank-trainer does not say what is spoken at port grpc",
        of -> at(of, "Service fullrank-trainer", "/spec/ports/0").remove("appProtocol"));
    mutations.put(
        "Deployment fullrank-trainer selects other pods than it makes",
        of ->
            at(of, "Deployment fullrank-trainer", "/spec/selector/matchLabels")
                .put("app.kubernetes.io/name", "trainer"));
    mutations.put(
        "Deployment fullrank-trainer has no PodDisruptionBudget",
        of -> of.remove("PodDisruptionBudget fullrank-trainer"));
    mutations.put(
        "StatefulSet fullrank-kafka is covered by no NetworkPolicy that denies Egress",
        of -> of.remove("NetworkPolicy fullrank-default-deny"));
    mutations.put(
        "NetworkPolicy fullrank-trainer-clients opens port 9091, at which nothing listens",
        of ->
            at(of, "NetworkPolicy fullrank-trainer-clients", "/spec/ingress/0/ports/0")
                .put("port", 9091));
    mutations.put(
        "NetworkPolicy fullrank-trainer-clients lets everyone in",
        of -> at(of, "NetworkPolicy fullrank-trainer-clients", "/spec/ingress/0").remove("from"));
    mutations.put(
        "NetworkPolicy fullrank-smoke opens the way to port 9000, at which nothing listens",
        of -> at(of, "NetworkPolicy fullrank-smoke", "/spec/egress/0/ports/0").put("port", 9000));
    mutations.put(
        "NetworkPolicy fullrank-smoke speaks of pods fullrank-trainers, which are not there",
        of ->
            at(of, "NetworkPolicy fullrank-smoke", "/spec/egress/0/to/0/podSelector/matchLabels")
                .put("app.kubernetes.io/name", "fullrank-trainers"));
    mutations.put(
        "Deployment fullrank-trainer volume tmp has no sizeLimit",
        of -> volume(of, "Deployment fullrank-trainer", "tmp").putObject("emptyDir"));
    mutations.put(
        "container trainer may use memory that it has not asked for",
        of ->
            at(of, "Deployment fullrank-trainer", CONTAINER + "/resources/requests")
                .put("memory", "1Gi"));
    mutations.put(
        "container trainer mounts checkpoints, which is no volume",
        of -> volume(of, "Deployment fullrank-trainer", "checkpoints").put("name", "others"));
    mutations.put(
        "Deployment fullrank-trainer spreads other pods than its own",
        of ->
            at(
                    of,
                    "Deployment fullrank-trainer",
                    POD + "/topologySpreadConstraints/0/labelSelector/matchLabels")
                .put("app.kubernetes.io/name", "trainer"));
    mutations.put(
        "ConfigMap passwords has no label app.kubernetes.io/part-of=fullrank",
        of -> of.put("passwords", object("ConfigMap", "passwords")));
    mutations.put(
        "Secret passwords is a secret, which does not belong here",
        of -> of.put("passwords", object("Secret", "passwords")));
    mutations.put(
        "Service fullrank-trainer is there twice",
        of -> of.put("again", of.get("Service fullrank-trainer").deepCopy()));
    Map<String, Consumer<Map<String, ObjectNode>>> ofGpu = new HashMap<>();
    ofGpu.put(
        "Deployment fullrank-checker has no Secret fullrank-checker-tls",
        of -> of.remove("Certificate fullrank-checker-tls"));
    ofGpu.put(
        "Certificate fullrank-checker-tls has no Issuer fullrank",
        of -> of.remove("Issuer fullrank"));
    ofGpu.put(
        "ServiceMonitor fullrank-checker scrapes port metrics, which its Service has not",
        of ->
            at(of, "ServiceMonitor fullrank-checker", "/spec/endpoints/0").put("port", "metrics"));
    ofGpu.put(
        "ScaledObject fullrank-checker and the Deployment both say how many there are",
        of -> at(of, "Deployment fullrank-checker", "/spec").put("replicas", 2));
    ofGpu.put(
        "ScaledObject fullrank-checker has no TriggerAuthentication fullrank-checker-lag",
        of -> of.remove("TriggerAuthentication fullrank-checker-lag"));
    ofGpu.put(
        "TriggerAuthentication fullrank-checker-lag has no key username in ConfigMap",
        of -> at(of, "ConfigMap fullrank-scaler", "/data").remove("username"));
    ofGpu.put(
        "container checker has a secret in its environment",
        of ->
            ((ArrayNode) of.get("Deployment fullrank-checker").at(CONTAINER + "/env"))
                .addObject()
                .put("name", "PASSWORD")
                .putObject("valueFrom")
                .putObject("secretKeyRef")
                .put("name", "fullrank-checker")
                .put("key", "password"));
    return Stream.concat(
        mutations.entrySet().stream().map(each -> noticed(dev, List.of(), each)),
        Stream.concat(
            ofGpu.entrySet().stream().map(each -> noticed(gpu, strimzi, each)),
            Stream.of(
                DynamicTest.dynamicTest(
                    "accounts of the Kafka cluster",
                    () ->
                        assertThat(ManifestRules.violations(gpu, List.of(), facts()))
                            .anyMatch(
                                line -> line.contains("has no Secret fullrank-cluster-ca-cert"))
                            .anyMatch(line -> line.contains("has no Secret fullrank-scaler"))))));
  }

  @Test
  void topicsAreThoseOfTheWireContract() throws Exception {
    List<KafkaTopic> topics = new ArrayList<>();
    for (ObjectNode object : new Kustomization("overlays/strimzi").render()) {
      if (KubernetesModels.read(object) instanceof KafkaTopic topic) {
        topics.add(topic);
      }
    }
    List<Topic> expected =
        Topic.ALL.stream().flatMap(topic -> Stream.of(topic, topic.deadLetters())).toList();

    assertThat(topics)
        .extracting(topic -> topic.getMetadata().getName())
        .containsExactlyInAnyOrderElementsOf(expected.stream().map(Topic::name).toList());
    for (Topic topic : expected) {
      KafkaTopic declared =
          topics.stream()
              .filter(each -> each.getMetadata().getName().equals(topic.name()))
              .findFirst()
              .orElseThrow();
      Map<String, Object> config = new HashMap<>(declared.getSpec().getConfig());
      assertThat(config.remove("min.insync.replicas")).isEqualTo("2");
      assertThat(config).as(topic.name()).isEqualTo(topic.config());
      assertThat(declared.getSpec().getPartitions()).as(topic.name()).isEqualTo(topic.partitions());
    }
  }

  @Test
  void rulesOfTheOperatorAreThoseOfTheFile() throws Exception {
    ObjectNode file =
        Kustomization.parse(
                Files.readString(Kustomization.K8S.resolve("monitoring/rules/fullrank.yaml")))
            .get(0);

    assertThat(only(new Kustomization("overlays/cpu").render(), "PrometheusRule").path("spec"))
        .as("k8s/README.md says how to make prometheus-rule.yaml anew")
        .isEqualTo(file);
  }

  @Test
  void allDashboardsAreDeployed() throws Exception {
    JsonNode data =
        new Kustomization("overlays/cpu")
            .render().stream()
                .filter(object -> title(object).equals("ConfigMap fullrank-dashboards"))
                .findFirst()
                .orElseThrow()
                .path("data");
    try (Stream<Path> files = Files.list(Kustomization.K8S.resolve("monitoring/dashboards"))) {
      for (Path file : files.toList()) {
        assertThat(data.path(file.getFileName().toString()).asText())
            .isEqualTo(Files.readString(file));
      }
    }
  }

  /** Alerts lead to a heading of docs/operations.md that says what to do. */
  @Test
  void everyAlertHasItsSection() throws Exception {
    Set<String> headings =
        Files.readString(ROOT.resolve("docs/operations.md"))
            .lines()
            .filter(line -> line.startsWith("#"))
            .map(line -> line.replaceFirst("^#+ *", "").toLowerCase(Locale.ROOT).replace(' ', '-'))
            .collect(Collectors.toSet());
    List<JsonNode> alerts = new ArrayList<>();
    JsonNode rules =
        Kustomization.parse(
                Files.readString(Kustomization.K8S.resolve("monitoring/rules/fullrank.yaml")))
            .get(0);
    for (JsonNode group : rules.path("groups")) {
      for (JsonNode rule : group.path("rules")) {
        if (rule.has("alert")) {
          alerts.add(rule);
        }
      }
    }

    assertThat(alerts).isNotEmpty();
    for (JsonNode alert : alerts) {
      String name = alert.path("alert").asText();
      String anchor = name.toLowerCase(Locale.ROOT);
      assertThat(alert.at("/annotations/runbook_url").asText())
          .as(name)
          .isEqualTo("docs/operations.md#" + anchor);
      assertThat(headings).as("sections of docs/operations.md").contains(anchor);
    }
  }

  private static DynamicTest noticed(
      List<ObjectNode> rendered,
      List<ObjectNode> before,
      Map.Entry<String, Consumer<Map<String, ObjectNode>>> mutation) {
    return DynamicTest.dynamicTest(
        mutation.getKey(),
        () -> {
          Map<String, ObjectNode> objects = new HashMap<>();
          rendered.forEach(object -> objects.put(title(object), object.deepCopy()));
          mutation.getValue().accept(objects);
          assertThat(ManifestRules.violations(List.copyOf(objects.values()), before, facts()))
              .anyMatch(line -> line.contains(mutation.getKey()));
        });
  }

  private static ObjectNode at(Map<String, ObjectNode> objects, String title, String path) {
    return (ObjectNode) objects.get(title).at(path);
  }

  private static ObjectNode volume(Map<String, ObjectNode> objects, String title, String name) {
    for (JsonNode volume : objects.get(title).at(POD + "/volumes")) {
      if (volume.path("name").asText().equals(name)) {
        return (ObjectNode) volume;
      }
    }
    throw new IllegalArgumentException(name);
  }

  private static ObjectNode object(String kind, String name) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("apiVersion", "v1").put("kind", kind).putObject("metadata").put("name", name);
    return object;
  }

  private static ObjectNode only(List<ObjectNode> objects, String kind) {
    List<ObjectNode> found =
        objects.stream().filter(object -> object.path("kind").asText().equals(kind)).toList();
    assertThat(found).hasSize(1);
    return found.get(0);
  }

  private static String title(ObjectNode object) {
    return object.path("kind").asText() + " " + object.at("/metadata/name").asText();
  }

  private static List<ObjectNode> render(List<Kustomization> all) throws Exception {
    List<ObjectNode> objects = new ArrayList<>();
    for (Kustomization each : all) {
      objects.addAll(each.render());
    }
    return objects;
  }

  /** Returns the object and all objects in it whose fields a model knows. */
  private static List<ObjectNode> places(ObjectNode object) {
    List<ObjectNode> places = new ArrayList<>();
    places.add(object);
    object
        .properties()
        .forEach(
            field -> {
              boolean free =
                  FREE.contains(field.getKey())
                      && !field.getValue().has("matchLabels")
                      && !field.getValue().has("matchExpressions");
              boolean ofTrigger = field.getKey().equals("metadata") && object.has("type");
              if (!free && !ofTrigger) {
                places.addAll(placesOfValue(field.getValue()));
              }
            });
    return places;
  }

  private static List<ObjectNode> placesOfValue(JsonNode value) {
    List<ObjectNode> places = new ArrayList<>();
    if (value instanceof ObjectNode object) {
      places.addAll(places(object));
    }
    if (value instanceof ArrayNode array) {
      array.forEach(element -> places.addAll(placesOfValue(element)));
    }
    return places;
  }

  private static Facts facts() throws IOException {
    return new Facts(version(), variables(), gracePeriods());
  }

  private static String version() throws IOException {
    Matcher version =
        Pattern.compile("<version>([^<]+)</version>")
            .matcher(Files.readString(ROOT.resolve("pom.xml")));
    assertThat(version.find()).isTrue();
    return version.group(1);
  }

  private static Set<String> variables() throws IOException {
    Set<String> variables = new HashSet<>();
    Matcher key =
        Pattern.compile("`(fullrank(?:\\.[a-z0-9-]+)+)`")
            .matcher(Files.readString(ROOT.resolve("docs/configuration.md")));
    while (key.find()) {
      variables.add(key.group(1).replaceAll("[.-]", "_").toUpperCase(Locale.ROOT));
    }
    return variables;
  }

  /**
   * What the services take to stop: a trainer the time of its default stop-timeout and twenty
   * seconds more (docs/configuration.md), a checker what Quarkus gives it, the metrics service
   * twice the limit of RunStreams.
   */
  private static Map<String, Integer> gracePeriods() throws IOException {
    Matcher stop =
        Pattern.compile("`fullrank\\.trainer\\.stop-timeout`.*\\| `(\\d+)s`")
            .matcher(Files.readString(ROOT.resolve("docs/configuration.md")));
    assertThat(stop.find()).isTrue();
    Properties checker = new Properties();
    try (InputStream file =
        new FileInputStream(
            ROOT.resolve("checker-service/src/main/resources/application.properties").toFile())) {
      checker.load(file);
    }
    return Map.of(
        "trainer",
        Integer.parseInt(stop.group(1)) + 20,
        "checker",
        Math.toIntExact(
            Duration.parse("PT" + checker.getProperty("quarkus.shutdown.timeout")).toSeconds()),
        "metrics",
        20);
  }
}

package io.fullrank.cli.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * What every installation keeps to, beyond what an API server checks: pods at the Pod Security
 * level "restricted" with limits and probes, references that lead somewhere, selectors that select,
 * and a network that is closed but for what is opened.
 */
final class ManifestRules {

  private static final Set<String> WORKLOADS = Set.of("Deployment", "StatefulSet", "Job");
  private static final Set<String> VOLUMES =
      Set.of("configMap", "secret", "emptyDir", "persistentVolumeClaim");

  private static final Pattern SERVICE_IMAGE =
      Pattern.compile("(.*/)?(trainer|checker|metrics)(-[a-z]+)?[:@].*");

  private final List<ObjectNode> objects;
  private final List<ObjectNode> elsewhere;
  private final Facts facts;
  private final List<String> violations = new ArrayList<>();

  /**
   * What the rules compare with.
   *
   * @param version the project's, which is the tag of its images
   * @param variables environment variables that stand in docs/configuration.md
   * @param gracePeriods seconds that each container at least needs to stop
   */
  record Facts(String version, Set<String> variables, Map<String, Integer> gracePeriods) {}

  private ManifestRules(List<ObjectNode> objects, List<ObjectNode> elsewhere, Facts facts) {
    this.objects = objects;
    this.elsewhere = elsewhere;
    this.facts = facts;
  }

  /**
   * Returns what is wrong, a line each.
   *
   * @param objects what is applied together
   * @param elsewhere what is in the namespace already
   */
  static List<String> violations(
      List<ObjectNode> objects, List<ObjectNode> elsewhere, Facts facts) {
    ManifestRules rules = new ManifestRules(objects, elsewhere, facts);
    rules.check();
    return rules.violations;
  }

  private void check() {
    Set<String> names = new HashSet<>();
    for (ObjectNode object : objects) {
      require(names.add(title(object)), object, "is there twice");
      require(
          "fullrank".equals(text(object, "/metadata/labels/app.kubernetes.io~1part-of")),
          object,
          "has no label app.kubernetes.io/part-of=fullrank");
      String kind = object.path("kind").asText();
      if (WORKLOADS.contains(kind)) {
        workload(object);
      }
      switch (kind) {
        case "Service" -> service(object);
        case "PodDisruptionBudget" -> selectsPods(object, object.at("/spec/selector"));
        case "NetworkPolicy" -> networkPolicy(object);
        case "ServiceAccount" ->
            require(
                isFalse(object.path("automountServiceAccountToken")),
                object,
                "mounts a token of its service account");
        case "Secret" -> require(false, object, "is a secret, which does not belong here");
        case "ScaledObject" -> scaledObject(object);
        case "TriggerAuthentication" -> triggerAuthentication(object);
        case "ServiceMonitor" -> serviceMonitor(object);
        case "Certificate" -> certificate(object);
        default -> {
          // Nothing but what its model asks for.
        }
      }
    }
  }

  private void workload(ObjectNode workload) {
    JsonNode pod = workload.at("/spec/template/spec");
    JsonNode labels = workload.at("/spec/template/metadata/labels");
    if (!isJob(workload)) {
      require(
          selects(workload.at("/spec/selector"), labels),
          workload,
          "selects other pods than it makes");
      require(
          objects.stream()
              .filter(object -> kind(object, "PodDisruptionBudget"))
              .anyMatch(budget -> selects(budget.at("/spec/selector"), labels)),
          workload,
          "has no PodDisruptionBudget");
    }
    for (String direction : List.of("Ingress", "Egress")) {
      require(
          all("NetworkPolicy")
              .filter(policy -> contains(policy.at("/spec/policyTypes"), direction))
              .filter(policy -> policy.at("/spec/" + direction.toLowerCase(Locale.ROOT)).isEmpty())
              .anyMatch(policy -> selects(policy.at("/spec/podSelector"), labels)),
          workload,
          "is covered by no NetworkPolicy that denies " + direction);
    }
    if (kind(workload, "StatefulSet")) {
      String service = text(workload, "/spec/serviceName");
      require(exists("Service", service), workload, "has no Service " + service);
    }
    pod(workload, pod);
    for (JsonNode constraint : pod.path("topologySpreadConstraints")) {
      require(
          selects(constraint.path("labelSelector"), labels),
          workload,
          "spreads other pods than its own");
    }
    for (JsonNode container : containers(pod)) {
      container(workload, pod, container);
    }
  }

  private void pod(ObjectNode workload, JsonNode pod) {
    JsonNode security = pod.path("securityContext");
    require(isTrue(security.path("runAsNonRoot")), workload, "may run as root");
    require(security.path("runAsUser").asInt() > 0, workload, "has no user of its own");
    require(
        "RuntimeDefault".equals(text(security, "/seccompProfile/type")),
        workload,
        "has no seccomp profile");
    require(
        isFalse(pod.path("automountServiceAccountToken")),
        workload,
        "mounts a token of its service account");
    require(isFalse(pod.path("enableServiceLinks")), workload, "gets variables of all Services");
    for (String host : List.of("hostNetwork", "hostPID", "hostIPC")) {
      require(!pod.has(host), workload, "uses " + host);
    }
    String account = text(pod, "/serviceAccountName");
    require(exists("ServiceAccount", account), workload, "has no ServiceAccount " + account);
    require(
        pod.has("terminationGracePeriodSeconds"), workload, "has no terminationGracePeriodSeconds");
    for (JsonNode volume : pod.path("volumes")) {
      String name = volume.path("name").asText();
      require(
          names(volume).stream().allMatch(field -> field.equals("name") || VOLUMES.contains(field)),
          workload,
          "volume %s is of a kind that is not allowed".formatted(name));
      require(
          !volume.has("emptyDir") || volume.at("/emptyDir/sizeLimit").isTextual(),
          workload,
          "volume %s has no sizeLimit".formatted(name));
      if (volume.has("configMap")) {
        configMap(workload, text(volume, "/configMap/name"), Optional.empty());
      }
      if (volume.has("secret")) {
        secret(workload, text(volume, "/secret/secretName"));
      }
      if (volume.has("persistentVolumeClaim")) {
        String claim = text(volume, "/persistentVolumeClaim/claimName");
        require(exists("PersistentVolumeClaim", claim), workload, "has no claim " + claim);
      }
    }
  }

  private void container(ObjectNode workload, JsonNode pod, JsonNode container) {
    String name = container.path("name").asText();
    String prefix = "container %s ".formatted(name);
    JsonNode security = container.path("securityContext");
    require(
        isFalse(security.path("allowPrivilegeEscalation")),
        workload,
        prefix + "may gain privileges");
    require(
        isTrue(security.path("readOnlyRootFilesystem")),
        workload,
        prefix + "writes to its root file system");
    require(
        contains(security.at("/capabilities/drop"), "ALL")
            && security.at("/capabilities/add").isMissingNode(),
        workload,
        prefix + "has capabilities");
    require(!security.has("privileged"), workload, prefix + "is privileged");
    for (String resource : List.of("cpu", "memory")) {
      for (String bound : List.of("requests", "limits")) {
        require(
            container.at("/resources/" + bound).has(resource),
            workload,
            prefix + "has no %s of %s".formatted(bound, resource));
      }
    }
    require(
        container.at("/resources/requests/memory").equals(container.at("/resources/limits/memory"))
            || isJob(workload),
        workload,
        prefix + "may use memory that it has not asked for");
    image(workload, prefix, container.path("image").asText());
    // A container that only prepares a pod ends by itself.
    if (!isJob(workload) && stream(pod.path("initContainers")).noneMatch(container::equals)) {
      probes(workload, prefix, container);
    }
    int needed = facts.gracePeriods().getOrDefault(name, 0);
    require(
        pod.path("terminationGracePeriodSeconds").asInt() >= needed,
        workload,
        prefix + "is killed before it has stopped, which takes it %d s".formatted(needed));
    environment(workload, prefix, container);
    Set<String> volumes = new HashSet<>();
    pod.path("volumes").forEach(volume -> volumes.add(volume.path("name").asText()));
    workload
        .at("/spec/volumeClaimTemplates")
        .forEach(claim -> volumes.add(claim.at("/metadata/name").asText()));
    for (JsonNode mount : container.path("volumeMounts")) {
      require(
          volumes.contains(mount.path("name").asText()),
          workload,
          prefix + "mounts %s, which is no volume".formatted(mount.path("name").asText()));
    }
  }

  private void image(ObjectNode workload, String prefix, String image) {
    String tag = image.substring(image.lastIndexOf('/') + 1).replaceFirst("^[^:@]*[:@]?", "");
    require(!tag.isEmpty() && !tag.equals("latest"), workload, prefix + "has an image of any tag");
    if (image.startsWith("localhost/fullrank/")) {
      require(
          tag.equals(facts.version()),
          workload,
          prefix + "has image %s, the project is %s".formatted(image, facts.version()));
    }
  }

  private void probes(ObjectNode workload, String prefix, JsonNode container) {
    Set<String> ports = new HashSet<>();
    container.path("ports").forEach(port -> ports.add(port.path("name").asText()));
    for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
      JsonNode asked = container.path(probe);
      JsonNode handler = asked.has("httpGet") ? asked.path("httpGet") : asked.path("tcpSocket");
      require(!handler.isMissingNode(), workload, prefix + "has no " + probe);
      require(
          handler.isMissingNode() || ports.contains(handler.path("port").asText()),
          workload,
          prefix + "has a %s of a port that it has not".formatted(probe));
    }
    require(
        !container.path("readinessProbe").equals(container.path("livenessProbe"))
            || container.path("livenessProbe").has("tcpSocket"),
        workload,
        prefix + "is restarted when it is not ready");
  }

  private void environment(ObjectNode workload, String prefix, JsonNode container) {
    Set<String> variables = new HashSet<>();
    for (JsonNode variable : container.path("env")) {
      String name = variable.path("name").asText();
      require(variables.add(name), workload, prefix + "sets %s twice".formatted(name));
      JsonNode source = variable.path("valueFrom");
      if (source.has("configMapKeyRef")) {
        configMap(
            workload,
            text(source, "/configMapKeyRef/name"),
            Optional.of(text(source, "/configMapKeyRef/key")));
      }
      require(!source.has("secretKeyRef"), workload, prefix + "has a secret in its environment");
    }
    require(
        isJob(workload)
            || !SERVICE_IMAGE.matcher(text(container, "/image")).matches()
            || tellsLimitOfMemory(container.path("env")),
        workload,
        prefix + "does not tell the virtual machine its limit of memory");
    for (JsonNode from : container.path("envFrom")) {
      String name = text(from, "/configMapRef/name");
      configMap(workload, name, Optional.empty());
      all("ConfigMap")
          .filter(map -> name.equals(text(map, "/metadata/name")))
          .forEach(map -> variables.addAll(names(map.path("data"))));
    }
    for (String variable : variables) {
      require(
          !variable.startsWith("FULLRANK_") || facts.variables().contains(variable),
          workload,
          prefix + "sets %s, which docs/configuration.md does not have".formatted(variable));
    }
  }

  /** Several virtual machines take the memory of the whole node for theirs. */
  private static boolean tellsLimitOfMemory(JsonNode variables) {
    boolean known = false;
    for (JsonNode variable : variables) {
      known |=
          text(variable, "/name").equals("MEMORY_LIMIT")
              && text(variable, "/valueFrom/resourceFieldRef/resource").equals("limits.memory");
      // A variable stands for its value only in those that come after it.
      if (known
          && text(variable, "/name").equals("JAVA_TOOL_OPTIONS")
          && text(variable, "/value").startsWith("-XX:MaxRAM=$(MEMORY_LIMIT)")) {
        return true;
      }
    }
    return false;
  }

  private void service(ObjectNode service) {
    JsonNode selector = service.at("/spec/selector");
    List<JsonNode> pods =
        workloads()
            .filter(workload -> matchesLabels(selector, podLabels(workload)))
            .map(workload -> workload.at("/spec/template/spec"))
            .toList();
    require(!pods.isEmpty(), service, "selects no pods");
    for (JsonNode port : service.at("/spec/ports")) {
      String target = port.path("targetPort").asText();
      require(
          pods.stream().allMatch(pod -> hasPort(pod, named -> named.equals(target))),
          service,
          "leads to port %s, which its pods have not".formatted(target));
      require(
          port.has("appProtocol"),
          service,
          "does not say what is spoken at port %s".formatted(port.path("name").asText()));
    }
  }

  private void networkPolicy(ObjectNode policy) {
    JsonNode selector = policy.at("/spec/podSelector");
    List<ObjectNode> selected = selectedBy(selector).toList();
    require(!selected.isEmpty(), policy, "selects no pods");
    require(policy.at("/spec").has("policyTypes"), policy, "has no policyTypes");
    for (JsonNode rule : policy.at("/spec/ingress")) {
      require(rule.path("from").size() > 0, policy, "lets everyone in");
      require(rule.path("ports").size() > 0, policy, "opens every port");
      for (JsonNode port : rule.path("ports")) {
        int number = port.path("port").asInt();
        require(
            selected.stream()
                .anyMatch(workload -> hasPortNumber(workload.at("/spec/template/spec"), number)),
            policy,
            "opens port %s, at which nothing listens".formatted(port.path("port")));
      }
      peers(policy, rule.path("from"));
    }
    for (JsonNode rule : policy.at("/spec/egress")) {
      require(rule.path("ports").size() > 0, policy, "opens every port");
      peers(policy, rule.path("to"));
      for (JsonNode peer : rule.path("to")) {
        List<ObjectNode> ours = selectedBy(peer.path("podSelector")).toList();
        for (JsonNode port : rule.path("ports")) {
          int number = port.path("port").asInt();
          require(
              ours.isEmpty()
                  || ours.stream()
                      .anyMatch(
                          workload -> hasPortNumber(workload.at("/spec/template/spec"), number)),
              policy,
              "opens the way to port %d, at which nothing listens".formatted(number));
        }
      }
    }
  }

  // Peers that carry our names have to exist.
  private void peers(ObjectNode policy, JsonNode peers) {
    for (JsonNode peer : peers) {
      String name = text(peer, "/podSelector/matchLabels/app.kubernetes.io~1name");
      require(
          !name.startsWith("fullrank")
              || selectedBy(peer.path("podSelector")).findAny().isPresent(),
          policy,
          "speaks of pods %s, which are not there".formatted(name));
    }
  }

  private void selectsPods(ObjectNode object, JsonNode selector) {
    require(selectedBy(selector).findAny().isPresent(), object, "selects no pods");
  }

  private void scaledObject(ObjectNode scaled) {
    String target = text(scaled, "/spec/scaleTargetRef/name");
    Optional<ObjectNode> workload =
        all("Deployment").filter(each -> target.equals(text(each, "/metadata/name"))).findFirst();
    require(workload.isPresent(), scaled, "scales %s, which is not there".formatted(target));
    require(
        workload.filter(each -> each.path("spec").has("replicas")).isEmpty(),
        scaled,
        "and the Deployment both say how many there are");
    for (JsonNode trigger : scaled.at("/spec/triggers")) {
      String authentication = text(trigger, "/authenticationRef/name");
      require(
          authentication.isEmpty() || exists("TriggerAuthentication", authentication),
          scaled,
          "has no TriggerAuthentication " + authentication);
    }
  }

  private void triggerAuthentication(ObjectNode authentication) {
    for (JsonNode reference : authentication.at("/spec/secretTargetRef")) {
      secret(authentication, text(reference, "/name"));
    }
    for (JsonNode reference : authentication.at("/spec/configMapTargetRef")) {
      configMap(authentication, text(reference, "/name"), Optional.of(text(reference, "/key")));
    }
  }

  private void serviceMonitor(ObjectNode monitor) {
    List<ObjectNode> services =
        all("Service")
            .filter(
                service -> selects(monitor.at("/spec/selector"), service.at("/metadata/labels")))
            .toList();
    require(!services.isEmpty(), monitor, "selects no Service");
    for (JsonNode endpoint : monitor.at("/spec/endpoints")) {
      String port = endpoint.path("port").asText();
      require(
          services.stream()
              .allMatch(
                  service ->
                      stream(service.at("/spec/ports"))
                          .anyMatch(each -> port.equals(each.path("name").asText()))),
          monitor,
          "scrapes port %s, which its Service has not".formatted(port));
      for (String path :
          List.of(
              "/tlsConfig/ca/secret/name",
              "/tlsConfig/cert/secret/name",
              "/tlsConfig/keySecret/name")) {
        if (endpoint.at(path).isTextual()) {
          secret(monitor, text(endpoint, path));
        }
      }
    }
  }

  private void certificate(ObjectNode certificate) {
    String issuer = text(certificate, "/spec/issuerRef/name");
    require(exists("Issuer", issuer), certificate, "has no Issuer " + issuer);
  }

  private void configMap(ObjectNode object, String name, Optional<String> key) {
    Optional<ObjectNode> found =
        all("ConfigMap").filter(map -> name.equals(text(map, "/metadata/name"))).findFirst();
    require(found.isPresent(), object, "has no ConfigMap " + name);
    require(
        key.isEmpty() || found.filter(map -> !map.path("data").has(key.get())).isEmpty(),
        object,
        "has no key %s in ConfigMap %s".formatted(key.orElse(""), name));
  }

  // Strimzi makes one for each user and for the cluster's authority, cert-manager for certificates.
  private void secret(ObjectNode object, String name) {
    boolean made =
        exists("KafkaUser", name)
            || all("Kafka")
                .map(cluster -> text(cluster, "/metadata/name") + "-cluster-ca-cert")
                .anyMatch(name::equals)
            || all("Certificate")
                .map(certificate -> text(certificate, "/spec/secretName"))
                .anyMatch(name::equals);
    require(made, object, "has no Secret " + name);
  }

  private boolean exists(String kind, String name) {
    return all(kind).anyMatch(object -> name.equals(text(object, "/metadata/name")));
  }

  private Stream<ObjectNode> all(String kind) {
    return Stream.concat(objects.stream(), elsewhere.stream()).filter(object -> kind(object, kind));
  }

  private Stream<ObjectNode> workloads() {
    return WORKLOADS.stream().flatMap(this::all);
  }

  private Stream<ObjectNode> selectedBy(JsonNode selector) {
    return selector.isMissingNode()
        ? Stream.empty()
        : workloads().filter(workload -> selects(selector, podLabels(workload)));
  }

  private static JsonNode podLabels(ObjectNode workload) {
    return workload.at("/spec/template/metadata/labels");
  }

  private static boolean selects(JsonNode selector, JsonNode labels) {
    return matchesLabels(selector.path("matchLabels"), labels)
        && stream(selector.path("matchExpressions"))
            .allMatch(
                expression ->
                    "In".equals(expression.path("operator").asText())
                        && contains(
                            expression.path("values"),
                            labels.path(expression.path("key").asText()).asText()));
  }

  private static boolean matchesLabels(JsonNode wanted, JsonNode labels) {
    return names(wanted).stream().allMatch(name -> wanted.path(name).equals(labels.path(name)));
  }

  private static boolean hasPort(JsonNode pod, Predicate<String> named) {
    return containers(pod).stream()
        .flatMap(container -> stream(container.path("ports")))
        .anyMatch(port -> named.test(port.path("name").asText()));
  }

  private static boolean hasPortNumber(JsonNode pod, int number) {
    return containers(pod).stream()
        .flatMap(container -> stream(container.path("ports")))
        .anyMatch(port -> port.path("containerPort").asInt() == number);
  }

  private static List<JsonNode> containers(JsonNode pod) {
    return Stream.concat(stream(pod.path("initContainers")), stream(pod.path("containers")))
        .toList();
  }

  private static boolean isJob(ObjectNode workload) {
    return kind(workload, "Job");
  }

  private static boolean kind(ObjectNode object, String kind) {
    return kind.equals(object.path("kind").asText());
  }

  private static boolean isTrue(JsonNode value) {
    return value.isBoolean() && value.booleanValue();
  }

  private static boolean isFalse(JsonNode value) {
    return value.isBoolean() && !value.booleanValue();
  }

  private static boolean contains(JsonNode texts, String text) {
    return stream(texts).anyMatch(each -> text.equals(each.asText()));
  }

  private static Stream<JsonNode> stream(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  private static Set<String> names(JsonNode object) {
    Map<String, JsonNode> fields = new TreeMap<>();
    object.properties().forEach(field -> fields.put(field.getKey(), field.getValue()));
    return fields.keySet();
  }

  private static String text(JsonNode node, String path) {
    return node.at(path).asText();
  }

  private static String title(ObjectNode object) {
    return object.path("kind").asText() + " " + text(object, "/metadata/name");
  }

  private void require(boolean condition, ObjectNode object, String complaint) {
    if (!condition) {
      violations.add(title(object) + " " + complaint);
    }
  }
}

package io.fullrank.cli.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.Resource;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** The accounts of {@code k8s/overlays/strimzi}, as Strimzi would tell a broker of them. */
public final class KafkaAccounts {

  private KafkaAccounts() {}

  /** Returns what the accounts may do. */
  public static List<AclBinding> acls() throws IOException {
    List<AclBinding> bindings = new ArrayList<>();
    String users = Files.readString(Kustomization.K8S.resolve("overlays/strimzi/users.yaml"));
    for (ObjectNode user : Kustomization.parse(users)) {
      String principal = "User:" + user.at("/metadata/name").asText();
      for (JsonNode rule : user.at("/spec/authorization/acls")) {
        JsonNode resource = rule.path("resource");
        ResourceType type = ResourceType.fromString(constant(resource.path("type")));
        ResourcePattern pattern =
            new ResourcePattern(
                type,
                type == ResourceType.CLUSTER
                    ? Resource.CLUSTER_NAME
                    : resource.path("name").asText(),
                resource.path("patternType").asText().equals("prefix")
                    ? PatternType.PREFIXED
                    : PatternType.LITERAL);
        for (JsonNode operation : rule.path("operations")) {
          bindings.add(
              new AclBinding(
                  pattern,
                  new AccessControlEntry(
                      principal,
                      "*",
                      AclOperation.fromString(constant(operation)),
                      AclPermissionType.ALLOW)));
        }
      }
    }
    return bindings;
  }

  // DescribeConfigs is DESCRIBE_CONFIGS.
  private static String constant(JsonNode name) {
    return name.asText().replaceAll("(?<=[a-z])(?=[A-Z])", "_").toUpperCase(Locale.ROOT);
  }
}

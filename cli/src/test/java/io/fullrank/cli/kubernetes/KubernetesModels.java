package io.fullrank.cli.kubernetes;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.autoscaling.v2.HorizontalPodAutoscalerBehavior;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.util.List;
import java.util.Map;

/**
 * What an API server with the operators would accept: objects are read into the models of
 * Kubernetes, Prometheus' operator and Strimzi, which must know every field. For KEDA and
 * cert-manager, which publish no Java models, those fields stand here that are used (from the
 * CustomResourceDefinitions of KEDA 2.17 and cert-manager 1.18).
 */
final class KubernetesModels {

  private static final Map<String, Class<?>> MODELS =
      Map.ofEntries(
          Map.entry("v1 ConfigMap", ConfigMap.class),
          Map.entry("v1 PersistentVolumeClaim", PersistentVolumeClaim.class),
          Map.entry("v1 Service", io.fabric8.kubernetes.api.model.Service.class),
          Map.entry("v1 ServiceAccount", ServiceAccount.class),
          Map.entry("apps/v1 Deployment", Deployment.class),
          Map.entry("apps/v1 StatefulSet", StatefulSet.class),
          Map.entry("batch/v1 Job", Job.class),
          Map.entry("policy/v1 PodDisruptionBudget", PodDisruptionBudget.class),
          Map.entry("networking.k8s.io/v1 NetworkPolicy", NetworkPolicy.class),
          Map.entry("monitoring.coreos.com/v1 ServiceMonitor", ServiceMonitor.class),
          Map.entry("monitoring.coreos.com/v1 PrometheusRule", PrometheusRule.class),
          Map.entry("kafka.strimzi.io/v1 Kafka", Kafka.class),
          Map.entry("kafka.strimzi.io/v1 KafkaNodePool", KafkaNodePool.class),
          Map.entry("kafka.strimzi.io/v1 KafkaTopic", KafkaTopic.class),
          Map.entry("kafka.strimzi.io/v1 KafkaUser", KafkaUser.class),
          Map.entry("keda.sh/v1alpha1 ScaledObject", ScaledObject.class),
          Map.entry("keda.sh/v1alpha1 TriggerAuthentication", TriggerAuthentication.class),
          Map.entry("cert-manager.io/v1 Issuer", Issuer.class),
          Map.entry("cert-manager.io/v1 Certificate", Certificate.class));

  /** The models keep what they do not know in a map of their own; here they must not. */
  private static final ObjectMapper STRICT =
      JsonMapper.builder()
          .annotationIntrospector(
              new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1L;

                @Override
                public Boolean hasAnySetter(Annotated annotated) {
                  return false;
                }
              })
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private KubernetesModels() {}

  /**
   * Reads an object.
   *
   * @throws JsonProcessingException naming the field that is unknown or has another type
   * @throws IllegalArgumentException if there is no model of its kind
   */
  static Object read(JsonNode object) throws JsonProcessingException {
    String kind = object.path("apiVersion").asText() + " " + object.path("kind").asText();
    Class<?> model = MODELS.get(kind);
    if (model == null) {
      throw new IllegalArgumentException("no model of " + kind);
    }
    return STRICT.treeToValue(object, model);
  }

  record ScaledObject(String apiVersion, String kind, ObjectMeta metadata, ScaledObjectSpec spec) {

    record ScaledObjectSpec(
        Target scaleTargetRef,
        Integer minReplicaCount,
        Integer maxReplicaCount,
        Integer pollingInterval,
        Integer cooldownPeriod,
        Fallback fallback,
        Advanced advanced,
        List<Trigger> triggers) {}

    record Target(String apiVersion, String kind, String name, String envSourceContainerName) {}

    record Fallback(Integer failureThreshold, Integer replicas, FallbackBehavior behavior) {}

    enum FallbackBehavior {
      // In the API's spelling.
      @JsonProperty("static")
      STATIC,
      @JsonProperty("currentReplicas")
      CURRENT_REPLICAS,
      @JsonProperty("currentReplicasIfHigher")
      CURRENT_REPLICAS_IF_HIGHER,
      @JsonProperty("currentReplicasIfLower")
      CURRENT_REPLICAS_IF_LOWER
    }

    record Advanced(
        Boolean restoreToOriginalReplicaCount,
        HorizontalPodAutoscalerConfig horizontalPodAutoscalerConfig) {}

    record HorizontalPodAutoscalerConfig(String name, HorizontalPodAutoscalerBehavior behavior) {}

    record Trigger(
        String type,
        String name,
        Map<String, String> metadata,
        String metricType,
        Boolean useCachedMetrics,
        AuthenticationReference authenticationRef) {}

    record AuthenticationReference(String name, String kind) {}
  }

  record TriggerAuthentication(
      String apiVersion, String kind, ObjectMeta metadata, TriggerAuthenticationSpec spec) {

    record TriggerAuthenticationSpec(
        List<KeyReference> secretTargetRef, List<KeyReference> configMapTargetRef) {}

    record KeyReference(String parameter, String name, String key) {}
  }

  record Issuer(String apiVersion, String kind, ObjectMeta metadata, IssuerSpec spec) {

    record IssuerSpec(SelfSigned selfSigned, Authority ca) {}

    record SelfSigned(List<String> crlDistributionPoints) {}

    record Authority(String secretName) {}
  }

  record Certificate(String apiVersion, String kind, ObjectMeta metadata, CertificateSpec spec) {

    record CertificateSpec(
        String secretName,
        String commonName,
        List<String> dnsNames,
        String duration,
        String renewBefore,
        Boolean isCA,
        List<String> usages,
        PrivateKey privateKey,
        IssuerReference issuerRef) {}

    record PrivateKey(String algorithm, Integer size, String encoding, String rotationPolicy) {}

    record IssuerReference(String name, String kind, String group) {}
  }
}

package io.fullrank.messaging;

import io.fullrank.proto.Topic;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.TopicExistsException;

/**
 * Creates the topics of the wire contract where the broker lacks them; existing ones stay as they
 * are.
 */
public final class TopicCreation {

  private TopicCreation() {}

  /**
   * Creates those of the given topics that are missing, with the broker's default replication. If
   * none is missing, a user without the right to create topics may call this, too.
   *
   * @throws KafkaUnavailableException if the broker does not answer or refuses
   */
  public static void ensure(Admin admin, Collection<Topic> topics) throws InterruptedException {
    Set<String> present = present(admin);
    Map<String, KafkaFuture<Void>> created =
        admin
            .createTopics(
                topics.stream()
                    .filter(topic -> !present.contains(topic.name()))
                    .map(
                        topic ->
                            new NewTopic(
                                    topic.name(), Optional.of(topic.partitions()), Optional.empty())
                                .configs(topic.config()))
                    .toList())
            .values();
    for (Map.Entry<String, KafkaFuture<Void>> topic : created.entrySet()) {
      try {
        topic.getValue().get();
      } catch (ExecutionException failed) {
        if (!(failed.getCause() instanceof TopicExistsException)) {
          throw new KafkaUnavailableException(
              "topic %s could not be created: %s"
                  .formatted(topic.getKey(), failed.getCause().getMessage()),
              failed.getCause());
        }
      }
    }
  }

  private static Set<String> present(Admin admin) throws InterruptedException {
    try {
      return admin.listTopics().names().get();
    } catch (ExecutionException failed) {
      throw new KafkaUnavailableException(
          "topics could not be listed: " + failed.getCause().getMessage(), failed.getCause());
    }
  }
}

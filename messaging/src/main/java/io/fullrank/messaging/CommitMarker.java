package io.fullrank.messaging;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.ApiVersions;
import org.apache.kafka.clients.ClientResponse;
import org.apache.kafka.clients.ClientUtils;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.DefaultHostResolver;
import org.apache.kafka.clients.ManualMetadataUpdater;
import org.apache.kafka.clients.NetworkClient;
import org.apache.kafka.clients.NetworkClientUtils;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.DisconnectException;
import org.apache.kafka.common.errors.LeaderNotAvailableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarker;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarkerTopic;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.WriteTxnMarkersRequest;
import org.apache.kafka.common.requests.WriteTxnMarkersResponse;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;

/**
 * Writes the marker that a coordinator has left out: what {@link Admin#abortTransaction} sends, but
 * with the other result, for which Kafka has no call. It ends the transaction in one partition
 * only, for good, and at once: there is no moment in which a failure could turn it into an abort.
 * With the epoch that wrote the transaction it cannot end a later one, so that several services may
 * write it.
 */
final class CommitMarker {

  private static final int LIMIT_MILLIS = 10_000;

  private final KafkaConnection kafka;
  private final String clientId;

  CommitMarker(KafkaConnection kafka, String clientId) {
    this.kafka = kafka;
    this.clientId = clientId;
  }

  /**
   * Ends a transaction as committed.
   *
   * @param open names the partition and the producer, as for an abort
   * @throws org.apache.kafka.common.KafkaException if the broker does not answer or refuses
   */
  void write(Admin admin, AbortTransactionSpec open)
      throws InterruptedException, ExecutionException {
    TopicPartition partition = open.topicPartition();
    Node leader =
        admin
            .describeTopics(List.of(partition.topic()))
            .allTopicNames()
            .get()
            .get(partition.topic())
            .partitions()
            .get(partition.partition())
            .leader();
    if (leader == null) {
      throw new LeaderNotAvailableException(partition + " has no leader");
    }
    WriteTxnMarkersResponse response = send(leader, request(open));
    Errors error = response.errorsByProducerId().get(open.producerId()).get(partition);
    if (error != Errors.NONE) {
      throw error.exception();
    }
  }

  private static WriteTxnMarkersRequest.Builder request(AbortTransactionSpec open) {
    TopicPartition partition = open.topicPartition();
    WriteTxnMarkersRequestData data = new WriteTxnMarkersRequestData();
    data.markers()
        .add(
            new WritableTxnMarker()
                .setProducerId(open.producerId())
                .setProducerEpoch(open.producerEpoch())
                .setCoordinatorEpoch(open.coordinatorEpoch())
                .setTransactionResult(true)
                .setTopics(
                    List.of(
                        new WritableTxnMarkerTopic()
                            .setName(partition.topic())
                            .setPartitionIndexes(List.of(partition.partition())))));
    return new WriteTxnMarkersRequest.Builder(data);
  }

  private WriteTxnMarkersResponse send(Node leader, WriteTxnMarkersRequest.Builder request) {
    Map<String, Object> properties = new HashMap<>(kafka.clientProperties());
    properties.put(CommonClientConfigs.CLIENT_ID_CONFIG, clientId);
    try (Metrics metrics = new Metrics();
        NetworkClient client =
            ClientUtils.createNetworkClient(
                new AdminClientConfig(properties),
                clientId,
                metrics,
                "commit-marker",
                new LogContext(),
                new ApiVersions(),
                Time.SYSTEM,
                1,
                LIMIT_MILLIS,
                null,
                new ManualMetadataUpdater(List.of(leader)),
                new DefaultHostResolver(),
                null,
                null)) {
      if (!NetworkClientUtils.awaitReady(client, leader, Time.SYSTEM, LIMIT_MILLIS)) {
        throw new TimeoutException("%s does not answer".formatted(leader));
      }
      ClientResponse response =
          NetworkClientUtils.sendAndReceive(
              client,
              client.newClientRequest(leader.idString(), request, Time.SYSTEM.milliseconds(), true),
              Time.SYSTEM);
      return (WriteTxnMarkersResponse) response.responseBody();
    } catch (IOException disconnected) {
      throw new DisconnectException(disconnected.getMessage(), disconnected);
    }
  }
}

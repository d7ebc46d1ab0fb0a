import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Counts what the topic of verdicts says, committed records only: a line for each snapshot, {@code
 * RUN ATTEMPT STEP VERDICTS SKIPS}.
 */
final class Verdicts {

  private Verdicts() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, int[]> counts = new TreeMap<>();
    try (KafkaConsumer<String, byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", arguments[0], "isolation.level", "read_committed"),
            new StringDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topic.VERDICTS.name()).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          CheckRecord check = CheckRecord.parseFrom(record.value());
          boolean verdict = check.hasVerdict();
          String snapshot =
              verdict
                  ? "%s %d %d"
                      .formatted(
                          check.getVerdict().getRun(),
                          check.getVerdict().getAttempt(),
                          check.getVerdict().getStep())
                  : "%s %d %d"
                      .formatted(
                          check.getSkipped().getRun(),
                          check.getSkipped().getAttempt(),
                          check.getSkipped().getStep());
          counts.computeIfAbsent(snapshot, name -> new int[2])[verdict ? 0 : 1]++;
        }
      }
    }
    counts.forEach(
        (snapshot, count) -> System.out.printf("%s %d %d%n", snapshot, count[0], count[1]));
  }
}

package io.fullrank.messaging;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.Topic;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

class DeadLettersTest {

  @Test
  void aRecordIsKeptAsItCame() {
    byte[] value = new byte[(3 << 20) - 9];

    ProducerRecord<String, byte[]> letter = letter("run", value, "no run event");

    assertThat(letter.topic()).isEqualTo("fullrank.progress.dlq");
    assertThat(letter.key()).isEqualTo("run");
    assertThat(letter.value()).isSameAs(value);
    assertThat(header(letter, DeadLetters.REASON)).isEqualTo("no run event");
    assertThat(header(letter, DeadLetters.SOURCE_TOPIC)).isEqualTo("fullrank.progress");
    assertThat(header(letter, DeadLetters.SOURCE_PARTITION)).isEqualTo("4");
    assertThat(header(letter, DeadLetters.SOURCE_OFFSET)).isEqualTo("77");
  }

  @Test
  void aRecordThatIsTooLargeLeavesItsPlaceAndSize() {
    ProducerRecord<String, byte[]> letter = letter("run", new byte[3 << 20], "no run event");

    assertThat(letter.key()).isNull();
    assertThat(letter.value()).isNull();
    assertThat(header(letter, DeadLetters.REASON))
        .isEqualTo("no run event (key and value are left out: up to 3145737 bytes)");
    assertThat(header(letter, DeadLetters.SOURCE_OFFSET)).isEqualTo("77");
  }

  @Test
  void aReasonThatIsTooLongIsShortened() {
    assertThat(header(letter("run", null, "x".repeat(5000)), DeadLetters.REASON))
        .isEqualTo("x".repeat(1000) + "…");
  }

  private static ProducerRecord<String, byte[]> letter(String key, byte[] value, String reason) {
    return DeadLetters.of(
        Topic.PROGRESS, new ConsumerRecord<>(Topic.PROGRESS.name(), 4, 77, key, value), reason);
  }

  private static String header(ProducerRecord<String, byte[]> letter, String name) {
    return new String(letter.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }
}

package io.fullrank.certificate.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsIndexTest {

  @TempDir Path folder;

  @Test
  void saysWhichFileBesideItHoldsEachTensor() throws IOException {
    SafetensorsIndex index =
        SafetensorsIndex.read(
            write(
                """
                {
                  "metadata": {"total_size": 64, "more": {"a": [1, 2]}},
                  "weight_map": {
                    "backbone": "model-00001-of-00002.safetensors",
                    "head": "model-00002-of-00002.safetensors",
                    "features": "model-00002-of-00002.safetensors"
                  }
                }
                """));

    Path first = folder.resolve("model-00001-of-00002.safetensors");
    Path second = folder.resolve("model-00002-of-00002.safetensors");
    assertThat(index.tensors()).containsExactly("backbone", "head", "features");
    assertThat(index.files()).containsExactly(first, second);
    assertThat(index.fileOf("features")).contains(second);
    assertThat(index.fileOf("feature")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | is no JSON object",
        "[] | is no JSON object",
        "{} | lacks 'weight_map', which names the file of each tensor",
        "{\"weight_map\": [\"a.safetensors\"]} | has a weight_map that is no object",
        "{\"weight_map\": {\"a\": 1}} | names no file for tensor 'a'",
        "{\"weight_map\": {\"a\": {}}} | names no file for tensor 'a'",
        "{\"weight_map\": {\"a\": \"pytorch_model.bin\"}} | names 'pytorch_model.bin' for tensor 'a', which",
        "{\"weight_map\": {\"a\": \"../b.safetensors\"}} | which is no .safetensors file beside",
        "{\"weight_map\": {\"a\": \"/etc/b.safetensors\"}} | which is no .safetensors file beside",
        "{\"weight_map\": {\"a\": \"x\\\\b.safetensors\"}} | which is no .safetensors file beside",
        "{\"weight_map\": {\"a\": \"b.safetensors\", \"a\": \"c.safetensors\"}} | names tensor 'a' twice",
        "{\"weight_map\": {}, \"weight_map\": {}} | has 'weight_map' twice",
        "{\"weight_map\": {}} 1 | goes on after the JSON object",
        "{\"weight_map\": {\"a\" | is no valid JSON at line 1",
        "{\"a\": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]} | is no valid JSON at line 1",
      })
  void refusesWhatIsNoIndex(String text, String reason) throws IOException {
    Path path = write(text == null ? "" : text);

    assertThatThrownBy(() -> SafetensorsIndex.read(path))
        .isInstanceOf(InvalidMatrixFileException.class)
        .hasMessageStartingWith(path + ": ")
        .hasMessageContaining(reason)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(400));
  }

  @Test
  void refusesOtherEncodingsAndAbsentFiles() throws IOException {
    Path latin =
        Files.write(folder.resolve("latin.index.json"), new byte[] {'{', '"', (byte) 0xe9});
    assertThatThrownBy(() -> SafetensorsIndex.read(latin))
        .isInstanceOf(InvalidMatrixFileException.class)
        .hasMessage(latin + ": is not UTF-8");
    Path absent = folder.resolve("absent.index.json");
    assertThatThrownBy(() -> SafetensorsIndex.read(absent))
        .isInstanceOf(InvalidMatrixFileException.class)
        .hasMessage(absent + ": no such file");
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("model.safetensors.index.json"), text);
  }
}

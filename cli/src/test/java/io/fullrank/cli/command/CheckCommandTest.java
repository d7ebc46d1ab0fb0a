package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.cli.CommandRun;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckCommandTest {

  /** The last row is the sum of the others, exactly. */
  private static final double[][] DEPENDENT = {
    {1, 2, 3, 0x1.8p-40}, {7, 5, 3, 0x1p-30}, {8, 7, 6, 0x1p-30 + 0x1.8p-40}
  };

  /** Two equal columns; the coefficients of the relation between the rows have about 40 bits. */
  private static final double[][] DEPENDENT_BY_COLUMNS = {
    {1048573, 777777, 777777}, {524309, 999983, 999983}, {333667, 650011, 650011}
  };

  @TempDir Path folder;

  @Test
  void certifiesAMatrixOfFullRowRank() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias");

    assertThat(run.status()).isZero();
    assertThat(run.out()).contains("CERTIFIED").contains("2 × 3");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void writesTheCertificateAsJson() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});

    CommandRun run =
        CommandRun.of("check", file.toString(), "--no-bias", "--json", "--backend", "openblas");

    JsonNode certificate = new ObjectMapper().readTree(run.out());
    assertThat(certificate.fieldNames())
        .toIterable()
        .containsExactly(
            "file",
            "tensor",
            "sha256",
            "outcome",
            "method",
            "rows",
            "columns",
            "rankLowerBound",
            "sigmaMinLowerBound",
            "sigmaMinEstimate",
            "sigmaMaxUpperBound",
            "falseRefutationProbability",
            "reason",
            "backend",
            "primes",
            "seconds");
    assertThat(certificate.get("file").asText()).isEqualTo(file.toString());
    assertThat(certificate.get("tensor").isNull()).isTrue();
    assertThat(certificate.get("outcome").asText()).isEqualTo("CERTIFIED");
    assertThat(certificate.get("method").asText()).isEqualTo("CHOLESKY");
    assertThat(certificate.get("rows").asLong()).isEqualTo(2);
    assertThat(certificate.get("columns").asLong()).isEqualTo(3);
    assertThat(certificate.get("rankLowerBound").asLong()).isEqualTo(2);
    // The singular values are 3 and 4.
    assertThat(certificate.get("sigmaMinLowerBound").asDouble())
        .isPositive()
        .isLessThanOrEqualTo(3);
    assertThat(certificate.get("sigmaMinEstimate").asDouble()).isBetween(2.9, 3.1);
    assertThat(certificate.get("sigmaMaxUpperBound").asDouble()).isGreaterThanOrEqualTo(4);
    assertThat(certificate.get("falseRefutationProbability").isNull()).isTrue();
    assertThat(certificate.get("reason").asText()).contains("Cholesky");
    assertThat(certificate.get("backend").asText()).isEqualTo("openblas");
    assertThat(certificate.get("primes").size()).isZero();
    JsonNode seconds = certificate.get("seconds");
    assertThat(seconds.fieldNames())
        .toIterable()
        .startsWith("load", "structure", "gram")
        .contains("cholesky")
        .endsWith("total");
    assertThat(seconds).allMatch(JsonNode::isDouble);
  }

  /** The SHA-256 by which a verdict names features that a program outside Fullrank sent. */
  @Test
  void namesTheSha256OfTheEntriesWithOrWithoutTheColumnOfOnes() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});
    ByteBuffer entries = ByteBuffer.allocate(6 * 8).order(ByteOrder.LITTLE_ENDIAN);
    entries.putDouble(0, 3).putDouble(4 * 8, 4);
    String sha256 =
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(entries.array()));

    String text = CommandRun.of("check", file.toString()).out();
    String json = CommandRun.of("check", file.toString(), "--no-bias", "--json").out();

    assertThat(text).containsPattern("SHA-256 +" + sha256);
    assertThat(new ObjectMapper().readTree(json).get("sha256").asText()).isEqualTo(sha256);
  }

  @Test
  void writesPrimesAndSeedAsJson() throws Exception {
    Path file = npy(new double[][] {{1, 1}, {1, Math.nextUp(1.0)}});

    JsonNode certificate =
        new ObjectMapper()
            .readTree(CommandRun.of("check", file.toString(), "--no-bias", "--json").out());

    assertThat(certificate.get("method").asText()).isEqualTo("MODULAR");
    assertThat(certificate.get("primes").toString()).isEqualTo("[251]");
    assertThat(certificate.get("primeSeed").isIntegralNumber()).isTrue();
    assertThat(certificate.get("sigmaMinLowerBound").isNull()).isTrue();
  }

  @Test
  void showsTheSpectrum() throws Exception {
    Path file = npy(new double[][] {{3, 0, 0}, {0, 4, 0}});

    String text = CommandRun.of("check", file.toString(), "--no-bias", "--spectrum").out();
    JsonNode spectrum =
        new ObjectMapper()
            .readTree(
                CommandRun.of("check", file.toString(), "--no-bias", "--spectrum", "--json").out())
            .get("spectrum");

    // ‖Φ‖_F² = 25, ‖Φ‖₂² = 16.
    assertThat(text)
        .containsPattern("stable rank +≈ 1\\.56 \\(estimate\\)")
        .containsPattern("condition +≤ 1\\.\\d+ \\(bound\\), ≈ 1\\.33 \\(estimate\\)")
        .containsPattern("σ_max +≤ 4\\.\\d+ \\(bound\\), ≈ 4 \\(estimate\\)")
        .containsPattern("│ +██│ 4\n")
        .contains("0 below");
    assertThat(spectrum.get("stableRank").get("estimate").asDouble()).isEqualTo(25.0 / 16);
    assertThat(spectrum.get("stableRank").get("lowerBound").isNull()).isTrue();
    assertThat(spectrum.get("sigmaMin").get("lowerBound").asDouble()).isBetween(2.5, 3.0);
    JsonNode histogram = spectrum.get("histogram");
    assertThat(histogram.get("edges")).hasSize(65);
    assertThat(histogram.get("counts")).hasSize(64);
    // A bin is a factor of 1.3 wide.
    assertThat(histogram.get("counts").get(63).asInt()).isEqualTo(1);
    assertThat(histogram.get("counts").get(62).asInt()).isEqualTo(1);
    assertThat(histogram.get("belowResolution").asInt()).isZero();
  }

  /** docs/theory.md, section 4; the files come from src/test/oracle/examples.py. */
  @ParameterizedTest
  @ValueSource(strings = {"scaled-rows", "one-ulp"})
  void certifiesWhatHeuristicsGetWrong(String name) throws Exception {
    Path file = folder.resolve(name + ".npy");
    try (InputStream packed = getClass().getResourceAsStream(name + ".npy.gz")) {
      Files.copy(new GZIPInputStream(packed), file);
    }

    CommandRun run = CommandRun.of("check", file.toString());

    assertThat(run.status()).isZero();
    assertThat(run.out())
        .contains("CERTIFIED, by the exact rank modulo primes", "800 × 833", "≥ 800 (bound)")
        .containsPattern("primes +\\d+ \\(seed -?\\d+\\)");
  }

  @Test
  void appendsTheColumnOfOnesUnlessToldNotTo() throws Exception {
    // Of rank 1 alone; with the column of ones of rank 2.
    Path file = npy(new double[][] {{1}, {2}});

    assertThat(CommandRun.of("check", file.toString()).status()).isZero();
    assertThat(CommandRun.of("check", file.toString(), "--no-bias").status()).isEqualTo(3);
  }

  @Test
  void refutesIdenticalRows() throws Exception {
    Path file = npy(new double[][] {{1, 2, 3}, {1, 2, 3}});

    CommandRun run = CommandRun.of("check", file.toString());

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.out()).contains("REFUTED", "STRUCTURE");
  }

  @Test
  void refutesDependentRowsByTheirRelation() throws Exception {
    Path file = npy(DEPENDENT);

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias", "--primes", "1");

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.out())
        .contains("REFUTED, by a relation of its rows")
        .contains("rows 0, 1, 2 are linearly dependent: multiplied by 1, 1, -1 they add up to zero")
        .containsPattern("error +none: the refutation is proven");
  }

  @Test
  void refutesDependentRowsAndSaysHowSureThatIs() throws Exception {
    Path file = npy(DEPENDENT_BY_COLUMNS);

    CommandRun run = CommandRun.of("check", file.toString(), "--method", "modular", "--no-bias");

    assertThat(run.status()).isEqualTo(3);
    assertThat(run.out())
        .contains("REFUTED, by the exact rank modulo primes")
        .containsPattern(
            "error +a matrix of full row rank is refuted with probability ≤ \\d.* \\(bound\\)")
        .containsPattern("primes +\\d+, \\d+");
  }

  @Test
  void refusesPrimesForAMethodThatDrawsNone() {
    CommandRun run = CommandRun.of("check", "phi.npy", "--primes=3", "--method=cholesky");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).contains("--primes: --method cholesky draws none");
  }

  @Test
  void drawsNoMorePrimesThanAllowed() throws Exception {
    Path file = npy(DEPENDENT_BY_COLUMNS);

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias", "--primes", "1");

    assertThat(run.status()).isEqualTo(4);
    assertThat(run.out()).contains("UNDETERMINED", "primes are needed, but at most 1 may be drawn");
  }

  @Test
  void leavesOpenWhatDoublePrecisionCannotSettle() throws Exception {
    Path file = npy(new double[][] {{1, 1}, {1, Math.nextUp(1.0)}});

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias", "--method=cholesky");

    assertThat(run.status()).isEqualTo(4);
    assertThat(run.out())
        .contains("UNDETERMINED", "the exact rank modulo primes would settle it")
        .contains("--method auto");
    assertThat(CommandRun.of("check", file.toString(), "--no-bias").status()).isZero();
  }

  @Test
  void takesTheOnlyMatrixOfASafetensorsFile() throws Exception {
    Path file =
        safetensors(
            "{'bias':{'dtype':'F32','shape':[2],'data_offsets':[24,32]},"
                + "'phi':{'dtype':'F32','shape':[2,3],'data_offsets':[0,24]}}",
            3,
            0,
            0,
            0,
            4,
            0,
            0,
            0);

    CommandRun run = CommandRun.of("check", file.toString(), "--no-bias", "--json");

    assertThat(run.status()).isZero();
    JsonNode certificate = new ObjectMapper().readTree(run.out());
    assertThat(certificate.get("tensor").asText()).isEqualTo("phi");
    assertThat(certificate.get("columns").asInt()).isEqualTo(3);
    assertThat(CommandRun.of("check", file.toString()).out()).startsWith(file + ", tensor phi\n");
  }

  @Test
  void wantsToKnowWhichTensorAndHelpsToNameIt() throws Exception {
    Path file =
        safetensors(
            "{'layers.0.weight':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]},"
                + "'layers.1.\\u001bweight':{'dtype':'F32','shape':[1,2],'data_offsets':[16,24]},"
                + "'packed':{'dtype':'F4','shape':[4,4],'data_offsets':[24,32]}}",
            1,
            0,
            0,
            1,
            2,
            3,
            0,
            0);

    assertRefused(
        CommandRun.of("check", file.toString()),
        file
            + ": holds 2 matrices, choose one with --tensor:"
            + " layers.0.weight (2 × 2, F32), layers.1.?weight (1 × 2, F32)");
    assertRefused(
        CommandRun.of("check", file.toString(), "--tensor", "layers.0.wieght"),
        file + ": has no tensor 'layers.0.wieght'; did you mean 'layers.0.weight'?");
    assertRefused(
        CommandRun.of("check", file.toString(), "--tensor", "phi"),
        file + ": has no tensor 'phi'; its matrices are layers.0.weight (2 × 2, F32), ");
    assertRefused(
        CommandRun.of("check", file.toString(), "--tensor", "packed"),
        file + ": tensor 'packed' has elements of type 'F4'");
    assertThat(CommandRun.of("check", file.toString(), "--tensor", "layers.0.weight").status())
        .isZero();
  }

  @Test
  void findsATensorOfAModelInSeveralFilesByTheirIndex() throws Exception {
    Path first =
        safetensors("{'backbone':{'dtype':'F32','shape':[1,2],'data_offsets':[0,8]}}", 1, 2);
    Path second =
        safetensors(
            "{'phi':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]},"
                + "'bias':{'dtype':'F32','shape':[1],'data_offsets':[16,20]}}",
            1,
            2,
            3,
            4,
            5);
    Path index =
        Files.writeString(
            folder.resolve("model.safetensors.index.json"),
            """
            {"metadata": {"total_size": 28},
             "weight_map": {"backbone": "%s", "phi": "%s", "bias": "%s", "moved": "%s"}}
            """
                .formatted(
                    first.getFileName(),
                    second.getFileName(),
                    second.getFileName(),
                    first.getFileName()));

    CommandRun run = CommandRun.of("check", index.toString(), "--tensor", "phi", "--json");

    assertThat(run.status()).isZero();
    JsonNode certificate = new ObjectMapper().readTree(run.out());
    assertThat(certificate.get("tensor").asText()).isEqualTo("phi");
    assertThat(certificate.get("rows").asInt()).isEqualTo(2);
    assertThat(certificate.get("sha256").asText())
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    CommandRun.of("check", second.toString(), "--tensor", "phi", "--json").out())
                .get("sha256")
                .asText());
    assertRefused(
        CommandRun.of("check", index.toString()),
        index
            + ": holds 2 matrices, choose one with --tensor: backbone (1 × 2, F32), phi (2 × 2, F32)");
    assertRefused(
        CommandRun.of("check", index.toString(), "--tensor", "ph"),
        index + ": has no tensor 'ph'; did you mean 'phi'?");
    assertRefused(
        CommandRun.of("check", index.toString(), "--tensor", "moved"),
        first + ": has no tensor 'moved'");

    Files.delete(first);

    assertThat(CommandRun.of("check", index.toString(), "--tensor", "phi").status()).isZero();
    assertRefused(CommandRun.of("check", index.toString()), first + ": no such file");
  }

  @Test
  void saysThatAFileHoldsNoMatrix() throws Exception {
    Path none = safetensors("{'bias':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}", 1, 2);
    Path npy = npy(new double[][] {{1, 2}});

    assertRefused(CommandRun.of("check", none.toString()), none + ": holds no matrix");
    assertRefused(
        CommandRun.of("check", npy.toString(), "--tensor", "phi"),
        npy + ": --tensor is for .safetensors files");
  }

  @Test
  void computesWithTheBackendThatIsAskedFor() throws Exception {
    Path file = npy(new double[][] {{1, 2}});

    CommandRun openblas =
        CommandRun.of("check", file.toString(), "--backend", "openblas", "--json");
    CommandRun cuda = CommandRun.of("check", file.toString(), "--backend", "cuda", "--json");

    assertThat(new ObjectMapper().readTree(openblas.out()).get("backend").asText())
        .isEqualTo("openblas");
    // Machines with and without a device run this.
    if (cuda.status() == 0) {
      assertThat(new ObjectMapper().readTree(cuda.out()).get("backend").asText()).isEqualTo("cuda");
    } else {
      assertRefused(cuda, "--backend cuda: ");
    }
  }

  @Test
  void refusesWhatIsNoMatrixInOneLine() throws Exception {
    Path text = Files.writeString(folder.resolve("features.txt"), "1 2 3");
    Path infinite = npy(new double[][] {{1, Double.POSITIVE_INFINITY}});
    Path empty = Files.createFile(folder.resolve("empty.safetensors"));
    Path json = Files.writeString(folder.resolve("json.safetensors"), "{\"phi\":\n1}");

    for (Path file :
        new Path[] {text, infinite, empty, json, folder, folder.resolve("nowhere.npy")}) {
      assertRefused(CommandRun.of("check", file.toString()), file + ": ");
    }
    assertRefused(
        CommandRun.of("check", infinite.toString()), infinite + ": the entry in row 0, column 1");
  }

  private static void assertRefused(CommandRun run, String message) {
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("fullrank: " + message).doesNotContain("\u001b");
  }

  /** Writes float32 numbers after a header, in which ' stands for ". */
  private Path safetensors(String header, float... numbers) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(Long.BYTES + json.length + numbers.length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .put(json);
    for (float number : numbers) {
      bytes.putFloat(number);
    }
    return Files.write(Files.createTempFile(folder, "matrix", ".safetensors"), bytes.array());
  }

  /** Writes format version 1.0 with 8-byte little-endian numbers in C order. */
  private Path npy(double[][] rows) throws IOException {
    String header =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(rows.length, rows[0].length);
    // Magic, version, length and header fill a multiple of 64 bytes; the last one ends the line.
    header += " ".repeat(63 - (10 + header.length()) % 64) + "\n";
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + header.length() + rows.length * rows[0].length * Double.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) 0x93)
            .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
            .put((byte) 1)
            .put((byte) 0)
            .putShort((short) header.length())
            .put(header.getBytes(StandardCharsets.US_ASCII));
    for (double[] row : rows) {
      for (double entry : row) {
        bytes.putDouble(entry);
      }
    }
    return Files.write(Files.createTempFile(folder, "matrix", ".npy"), bytes.array());
  }
}

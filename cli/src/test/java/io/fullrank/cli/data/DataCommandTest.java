package io.fullrank.cli.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.fullrank.cli.CommandRun;
import io.fullrank.cli.FileServer;
import io.fullrank.cli.failure.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataCommandTest {

  @TempDir Path data;
  private Path mnist;

  @BeforeEach
  void writeSmallFiles() throws IOException {
    mnist = Files.createDirectory(data.resolve("mnist"));
    Files.write(mnist.resolve("train-images-idx3-ubyte.gz"), gzip(idx(12, 4, 4)));
    Files.write(mnist.resolve("train-labels-idx1-ubyte.gz"), gzip(idx(12)));
    Files.write(mnist.resolve("t10k-images-idx3-ubyte"), idx(5, 4, 4));
    Files.write(mnist.resolve("t10k-labels.idx1-ubyte"), idx(5));
    Files.createDirectory(data.resolve("notes"));
  }

  @Test
  void listsWhatIsThere() throws IOException {
    Path ten = Files.createDirectories(data.resolve("pictures/cifar-10-batches-bin"));
    for (String name : new String[] {"1", "2", "3", "4", "5"}) {
      Files.write(ten.resolve("data_batch_" + name + ".bin"), new byte[2 * 3073]);
    }
    Files.write(ten.resolve("test_batch.bin"), new byte[3073]);

    CommandRun list = CommandRun.of("data", "list", "--data", data.toString());

    assertThat(list.err()).isEmpty();
    assertThat(list.status()).isZero();
    assertThat(list.out().lines())
        .containsExactly(
            "  folder     data set   examples            files",
            "  mnist      mnist      12 + 5 of 1×4×4     0 of 4 as published (SHA-256)",
            "  pictures   cifar-10   10 + 1 of 3×32×32   0 of 6 as published (SHA-256)");
  }

  @Test
  void namesWhatCannotBeUsed() throws IOException {
    Path labels = mnist.resolve("train-labels-idx1-ubyte.gz");
    Files.copy(mnist.resolve("t10k-labels.idx1-ubyte"), mnist.resolve("train-labels-idx1-ubyte"));

    CommandRun mixed = CommandRun.of("data", "list", "--data", data.toString());

    assertThat(mixed.status()).isEqualTo(ExitCode.FAILED);
    assertThat(mixed.out()).contains("mnist", "unusable");
    assertThat(mixed.err())
        .isEqualTo(
            "fullrank: "
                + mnist.resolve("train-labels-idx1-ubyte")
                + ": 5 labels for the 12 images of train-images-idx3-ubyte.gz: the two files do not"
                + " belong together\n");

    Files.delete(mnist.resolve("train-labels-idx1-ubyte"));
    Files.write(labels, Arrays.copyOf(Files.readAllBytes(labels), 15));
    assertThat(CommandRun.of("data", "list", "--data", data.toString()).err())
        .isEqualTo(
            "fullrank: "
                + labels
                + ": truncated: the compressed data end early; get the file again\n");
  }

  @Test
  void saysWhereNothingIs() throws IOException {
    Path empty = Files.createDirectory(data.resolve("empty"));
    CommandRun nothing = CommandRun.of("data", "list", "--data", empty.toString());
    assertThat(nothing.status()).isZero();
    assertThat(nothing.out())
        .isEqualTo("No data sets in " + empty + "; see 'fullrank data download --help'.\n");
    CommandRun nowhere = CommandRun.of("data", "list", "--data", empty + "/no");
    assertThat(nowhere.status()).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(nowhere.err()).isEqualTo("fullrank: --data " + empty + "/no: no such directory\n");
  }

  @Test
  void downloadsFromTheGivenAddress() throws IOException {
    Path target = data.resolve("new");
    try (FileServer server = new FileServer()) {
      server.put("copy/semeion.data", "0 1\n".getBytes(StandardCharsets.US_ASCII));
      String address = server.address("copy").toString();
      CommandRun wrong =
          CommandRun.of(
              "data", "download", "semeion", "--data", target.toString(), "--from", address);

      assertThat(wrong.status()).isEqualTo(ExitCode.FAILED);
      assertThat(wrong.err())
          .startsWith(
              "fullrank: " + address + "semeion.data: not the published file, its SHA-256 is ")
          .endsWith("; nothing was kept\n");
      assertThat(target.resolve("semeion")).isEmptyDirectory();
      assertThat(server.requests).containsExactly("copy/semeion.data");
    }
  }

  @Test
  void downloadsARealDataSet() throws IOException {
    Path copy =
        Path.of(System.getProperty("fullrank.shared.data", "../../shared/data"))
            .resolve("semeion/semeion.data");
    assumeTrue(Files.isRegularFile(copy), "no real data at " + copy);
    StringBuilder published = new StringBuilder();
    for (String line : Files.readAllLines(copy)) {
      String[] columns = line.trim().split(" ");
      for (int i = 0; i < columns.length; i++) {
        published.append(columns[i]).append(i < 256 ? ".0000 " : " ");
      }
      published.append("\r\n");
    }
    Path target = data.resolve("new");
    try (FileServer server = new FileServer()) {
      server.put("copy/semeion.data", published.toString().getBytes(StandardCharsets.US_ASCII));
      String address = server.address("copy").toString();
      CommandRun right =
          CommandRun.of(
              "data", "download", "semeion", "--data", target.toString(), "--from", address);

      assertThat(right.err()).isEmpty();
      assertThat(right.status()).isZero();
      assertThat(right.out().lines())
          .containsExactly(
              "  semeion.data  downloaded, SHA-256 as published",
              target.resolve("semeion") + ": 1593 of 1×16×16");
    }
  }

  @Test
  void refusesWhatCannotBeDownloaded() {
    assertRefused("strokes is generated; there is nothing to download", "strokes");
    assertRefused(
        "unknown data set 'imagenet'; known are semeion, mnist, kmnist, fashion-mnist, cifar-10,"
            + " cifar-100, svhn",
        "imagenet");
    assertRefused(
        "--from ftp://x/: expected an address such as https://mirror.example.org/mnist/",
        "mnist",
        "--from",
        "ftp://x/");
    CommandRun nothing = CommandRun.of("data");
    assertThat(nothing.status()).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(nothing.err())
        .isEqualTo("fullrank: Missing command: list or download (see 'fullrank data --help')\n");
  }

  private static void assertRefused(String problem, String... arguments) {
    String[] all = new String[arguments.length + 2];
    all[0] = "data";
    all[1] = "download";
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    CommandRun run = CommandRun.of(all);
    assertThat(run.status()).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(run.err()).isEqualTo("fullrank: " + problem + "\n");
  }

  private static byte[] idx(int... dimensions) {
    int count = Arrays.stream(dimensions).reduce(1, (a, b) -> a * b);
    ByteBuffer bytes = ByteBuffer.allocate(4 + 4 * dimensions.length + count);
    bytes.putInt(0x800 + dimensions.length);
    for (int dimension : dimensions) {
      bytes.putInt(dimension);
    }
    for (int i = 0; i < count; i++) {
      bytes.put((byte) (i % 10));
    }
    return bytes.array();
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }
}

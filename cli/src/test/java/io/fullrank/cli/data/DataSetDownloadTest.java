package io.fullrank.cli.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.cli.FileServer;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.terminal.DownloadProgress;
import io.fullrank.network.data.PublishedDataSet;
import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSetDownloadTest {

  private static final byte[] CONTENTS = new byte[200_000];

  static {
    new Random(1).nextBytes(CONTENTS);
  }

  @TempDir Path folder;
  private FileServer server;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private Path file;
  private Path part;

  @BeforeEach
  void startServer() throws IOException {
    server = new FileServer();
    server.put("d/numbers.bin", CONTENTS);
    file = folder.resolve("numbers.bin");
    part = folder.resolve("numbers.bin.part");
  }

  @AfterEach
  void stopServer() {
    server.close();
  }

  @Test
  void downloadsAndChecks() throws Exception {
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(files()).containsExactly("numbers.bin");
    assertThat(printed()).isEqualTo("  numbers.bin  downloaded, SHA-256 as published\n");

    download(plain(CONTENTS), false);
    assertThat(server.requests).containsExactly("d/numbers.bin");
    assertThat(printed()).endsWith("  numbers.bin  already there, SHA-256 as published\n");
  }

  @Test
  void goesOnAfterEveryInterruption() throws Exception {
    server.bytesPerAnswer = 64_000;
    download(plain(CONTENTS), true);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(server.requests).hasSizeGreaterThanOrEqualTo(4).contains("d/numbers.bin");
    assertThat(server.requests.get(1)).startsWith("d/numbers.bin bytes=");
    assertThat(printed())
        .contains("░", " of 0.2 MB")
        .endsWith("  numbers.bin  downloaded, SHA-256 as published\n");
  }

  @Test
  void goesOnWhenTheServerFallsSilentAndGivesUpOneThatStaysSo() throws Exception {
    String sha256 = plain(CONTENTS).files().get(0).sha256();
    DownloadProgress progress = new DownloadProgress(new PrintStream(out), false);
    Download download =
        new Download(
            server.address("d").resolve("numbers.bin"), file, sha256, Duration.ofSeconds(1));
    server.stalls = true;
    server.bytesPerAnswer = 0;
    assertThatThrownBy(() -> download.run(progress))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(server.address("d") + "numbers.bin: nothing came for 1 s");
    assertThat(file).doesNotExist();

    server.bytesPerAnswer = 64_000;
    download.run(progress);
    assertThat(file).hasBinaryContent(CONTENTS);
  }

  @Test
  void goesOnWhereAnEarlierDownloadStopped() throws Exception {
    Files.write(part, Arrays.copyOf(CONTENTS, 150_000));
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(server.requests).containsExactly("d/numbers.bin bytes=150000-");
    assertThat(files()).containsExactly("numbers.bin");
  }

  @Test
  void takesAnEarlierDownloadThatIsComplete() throws Exception {
    Files.write(part, CONTENTS);
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(server.requests).containsExactly("d/numbers.bin bytes=200000-");
  }

  @Test
  void startsAgainWhereTheServerKnowsNoRanges() throws Exception {
    server.ranges = false;
    Files.write(part, Arrays.copyOf(CONTENTS, 150_000));
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
  }

  @Test
  void startsAgainWhenWhatWasThereIsOfAnotherFile() throws Exception {
    Files.write(part, new byte[1000]);
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(server.requests).containsExactly("d/numbers.bin bytes=1000-", "d/numbers.bin");
    Files.delete(file);
    Files.write(part, new byte[300_000]);
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
  }

  @Test
  void givesUpAServerThatBringsNothingAndKeepsWhatCame() throws Exception {
    server.bytesPerAnswer = 0;
    Files.write(part, Arrays.copyOf(CONTENTS, 50_000));
    assertThatThrownBy(() -> download(plain(CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessageStartingWith(server.address("d") + "numbers.bin: ")
        .hasMessageEndingWith(
            "; 50000 bytes are kept in " + part + ", run the command again to go on");
    assertThat(server.requests).hasSize(3);
    assertThat(files()).containsExactly("numbers.bin.part");

    server.bytesPerAnswer = Integer.MAX_VALUE;
    download(plain(CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
  }

  @Test
  void refusesAnotherFileThanThePublishedOne() throws Exception {
    server.put("d/numbers.bin", new byte[10]);
    assertThatThrownBy(() -> download(plain(CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(
            "%snumbers.bin: not the published file, its SHA-256 is %s instead of %s; nothing was kept",
            server.address("d"), sha256(new byte[10]), sha256(CONTENTS));
    assertThat(files()).isEmpty();
  }

  @Test
  void keepsAFileOfTheUsers() throws Exception {
    Files.writeString(file, "mine");
    assertThatThrownBy(() -> download(plain(CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(
            file + ": is there already, but is not the published file; move it away and try again");
    assertThat(file).hasContent("mine");
    assertThat(server.requests).isEmpty();
  }

  @Test
  void namesAnAddressWhereNothingIs() throws Exception {
    PublishedDataSet other = plain(CONTENTS, "letters.bin");
    assertThatThrownBy(() -> download(other, false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(
            server.address("d")
                + "letters.bin: the server answers 404 (not found); is the address right? --from"
                + " names another one");
    assertThat(files()).isEmpty();
  }

  @Test
  void saysThatThereIsNoServer() {
    server.close();
    assertThatThrownBy(() -> download(plain(CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(server.address("d") + "numbers.bin: no connection");
  }

  @Test
  void unpacksAnArchive() throws Exception {
    byte[] archive =
        tar(
            entry("set/", new byte[0]),
            entry("set/readme", new byte[9]),
            entry("set/numbers.bin", CONTENTS));
    server.put("d/set.tar.gz", archive);
    download(archived(archive, CONTENTS), false);
    assertThat(file).hasBinaryContent(CONTENTS);
    assertThat(files()).containsExactly("numbers.bin");
    download(archived(archive, CONTENTS), false);
    assertThat(server.requests).containsExactly("d/set.tar.gz");
    assertThat(printed())
        .contains("  set.tar.gz  downloaded", "  numbers.bin  unpacked, SHA-256 as published\n");
  }

  @Test
  void refusesUnsafeArchives() throws Exception {
    TarArchiveEntry link = new TarArchiveEntry("set/numbers.bin", TarConstants.LF_SYMLINK);
    link.setLinkName("/etc/passwd");
    assertArchiveFails("the entry 'set/numbers.bin' is neither a file nor a folder", link);
    assertArchiveFails(
        "the entry '../numbers.bin' leads out of its folder",
        new TarArchiveEntry("../numbers.bin"));
    assertArchiveFails(
        "the entry 'set/../../numbers.bin' leads out of its folder",
        new TarArchiveEntry("set/../../numbers.bin"));
    assertArchiveFails(
        "the entry '/tmp/numbers.bin' leads out of its folder",
        new TarArchiveEntry("/tmp/numbers.bin", true));
    assertThat(folder.resolveSibling("numbers.bin")).doesNotExist();
  }

  @Test
  void refusesArchivesWithoutTheFiles() throws Exception {
    byte[] other = tar(entry("other/numbers.bin", CONTENTS));
    server.put("d/set.tar.gz", other);
    assertThatThrownBy(() -> download(archived(other, CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(folder.resolve("set.tar.gz") + ": holds no file set/numbers.bin");
    byte[] wrong = tar(entry("set/numbers.bin", new byte[5]));
    server.put("d/set.tar.gz", wrong);
    Files.delete(folder.resolve("set.tar.gz"));
    assertThatThrownBy(() -> download(archived(wrong, CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(
            folder.resolve("set.tar.gz") + ": set/numbers.bin in it is not the published file");
    assertThat(files()).containsExactly("set.tar.gz");
    byte[] cut = Arrays.copyOf(tar(entry("set/numbers.bin", CONTENTS)), 90_000);
    server.put("d/set.tar.gz", cut);
    Files.delete(folder.resolve("set.tar.gz"));
    assertThatThrownBy(() -> download(archived(cut, CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessageStartingWith(folder.resolve("set.tar.gz") + ": cannot be unpacked: ");
    assertThat(files()).containsExactly("set.tar.gz");
  }

  private void assertArchiveFails(String problem, TarArchiveEntry entry) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
      tar.putArchiveEntry(entry);
      tar.closeArchiveEntry();
    }
    server.put("d/set.tar.gz", bytes.toByteArray());
    Files.deleteIfExists(folder.resolve("set.tar.gz"));
    assertThatThrownBy(() -> download(archived(bytes.toByteArray(), CONTENTS), false))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessage(folder.resolve("set.tar.gz") + ": " + problem + "; nothing more is unpacked");
    assertThat(files()).containsExactly("set.tar.gz");
  }

  private void download(PublishedDataSet dataSet, boolean terminal) throws InterruptedException {
    PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    new DataSetDownload(dataSet.address(), folder, new DownloadProgress(stream, terminal))
        .run(dataSet);
  }

  private String printed() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(each -> each.getFileName().toString()).toList();
    }
  }

  private PublishedDataSet plain(byte[] contents) {
    return plain(contents, "numbers.bin");
  }

  private PublishedDataSet plain(byte[] contents, String name) {
    List<PublishedFile> files = List.of(new PublishedFile(name, sha256(contents)));
    return new PublishedDataSet(
        "numbers", server.address("d"), files, Optional.empty(), files, List.of());
  }

  private PublishedDataSet archived(byte[] archive, byte[] contents) {
    return new PublishedDataSet(
        "numbers",
        server.address("d"),
        List.of(new PublishedFile("set.tar.gz", sha256(archive))),
        Optional.of("set"),
        List.of(new PublishedFile("numbers.bin", sha256(contents))),
        List.of());
  }

  private record Entry(String name, byte[] contents) {}

  private static Entry entry(String name, byte[] contents) {
    return new Entry(name, contents);
  }

  private static byte[] tar(Entry... entries) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
      for (Entry each : entries) {
        TarArchiveEntry entry = new TarArchiveEntry(each.name());
        entry.setSize(each.contents().length);
        tar.putArchiveEntry(entry);
        tar.write(each.contents());
        tar.closeArchiveEntry();
      }
    }
    return bytes.toByteArray();
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}

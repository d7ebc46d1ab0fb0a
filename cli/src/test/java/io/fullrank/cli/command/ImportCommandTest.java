package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.fullrank.cli.CommandRun;
import io.fullrank.cli.RecordedRun;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportRequest.ReportCase;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.server.ScriptedIngest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of reports, good and bad, played to a server over real gRPC. */
class ImportCommandTest {

  @TempDir Path folder;

  private final RecordedRun recorded = RecordedRun.of(200, 500);
  private ScriptedIngest server;
  private Path file;

  @BeforeEach
  void start() throws IOException {
    server = new ScriptedIngest();
    file = recorded.write(folder.resolve("run.fullrank"));
  }

  @AfterEach
  void stop() throws InterruptedException {
    server.close();
  }

  @Test
  void playsAFileInItsOrder() {
    CommandRun command = play();

    assertThat(command.err()).isEmpty();
    assertThat(command.status()).isZero();
    assertThat(command.out())
        .contains("accepted by the server")
        .contains("Warning: " + ScriptedIngest.WARNING)
        .contains("Run " + ScriptedIngest.RUN + " with 1 snapshots.");
    assertThat(server.registrations()).containsExactly(recorded.registration());
    assertThat(server.lastStream().get(0).getBegin().getRun()).isEqualTo(ScriptedIngest.RUN);
    assertThat(server.lastStream().subList(1, server.lastStream().size()))
        .isEqualTo(recorded.reports().subList(1, recorded.reports().size()));
  }

  @Test
  void printsJson() throws IOException {
    CommandRun command = play("--json");

    JsonNode report = new ObjectMapper().readTree(command.out());
    assertThat(report.get("run").asText()).isEqualTo(ScriptedIngest.RUN);
    assertThat(report.get("snapshots").asInt()).isEqualTo(1);
    assertThat(report.get("ended").asBoolean()).isTrue();
    assertThat(report.get("warnings").get(0).asText()).isEqualTo(ScriptedIngest.WARNING);
  }

  @Test
  void goesOnWhereAServerStoppedThatDied() throws Exception {
    server.dieAfterPieces(2);
    CompletableFuture<CommandRun> command = CompletableFuture.supplyAsync(this::play);
    await().atMost(Waiting.LIMIT).until(server::isDead);
    server.kill();
    server.startAgain();

    assertThat(command.get(Waiting.LIMIT.toSeconds(), TimeUnit.SECONDS).status()).isZero();

    // What was accepted before the snapshot is not sent again, the snapshot is sent from its
    // beginning.
    assertThat(server.reports(ReportCase.PROGRESS)).hasSize(2);
    assertThat(server.registrations()).hasSize(1);
    assertThat(
            server.lastStream().stream()
                .map(ReportRequest::getFeaturesPiece)
                .reduce(ByteString.EMPTY, ByteString::concat))
        .isEqualTo(recorded.features());
    assertThat(server.lastStream())
        .extracting(ReportRequest::getSequence)
        .startsWith(1L, 2L, 3L)
        .isSorted();
  }

  @Test
  void refusesAFileThatIsCutUnlessItIsToTakeAPart() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    long snapshot = recorded.offsetOf(ReportRequest::hasSnapshot);
    Files.write(file, Arrays.copyOf(whole, (int) snapshot + 200_000));

    CommandRun refused = play();
    assertThat(refused.status()).isEqualTo(2);
    assertThat(refused.err())
        .isEqualTo(
            "fullrank: %s: ends in the middle of what begins at byte %d; --partial takes what is before it%n"
                .formatted(file, snapshot));
    assertThat(server.registrations()).isEmpty();

    CommandRun part = play("--partial");
    assertThat(part.err()).isEmpty();
    assertThat(part.out())
        .contains("with 0 snapshots")
        .contains("The file has no result of the run; the run will be shown as stalled.");
    assertThat(server.lastStream())
        .extracting(ReportRequest::getReportCase)
        .containsExactly(ReportCase.BEGIN, ReportCase.PROGRESS);
  }

  @Test
  void namesTheByteAtWhichAFileIsDamaged() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    long lastPiece = recorded.lastOffsetOf(ReportRequest::hasFeaturesPiece);
    whole[(int) lastPiece + 100]++;
    Files.write(file, whole);

    assertThatIsRefused(
        play("--partial"),
        "%s: damaged at byte %d: the features of step 20 have another SHA-256 than was announced"
            .formatted(file, lastPiece));
  }

  @Test
  void playsFactorsWithTheirFeatures() throws IOException {
    RecordedRun withFactors = recorded.withFactors();
    withFactors.write(file);

    CommandRun command = play();

    assertThat(command.err()).isEmpty();
    assertThat(command.out()).contains("with 1 snapshots.");
    assertThat(server.lastStream().subList(1, server.lastStream().size()))
        .isEqualTo(withFactors.reports().subList(1, withFactors.reports().size()));
  }

  @Test
  void namesTheByteAtWhichFactorsAreDamaged() throws IOException {
    RecordedRun withFactors = recorded.withFactors();
    withFactors.write(file);
    byte[] whole = Files.readAllBytes(file);
    long lastPiece = withFactors.lastOffsetOf(ReportRequest::hasFeaturesPiece);
    whole[(int) lastPiece + 100]++;
    Files.write(file, whole);
    assertThatIsRefused(
        play("--partial"),
        "%s: damaged at byte %d: the factors of step 20 have another SHA-256 than was announced"
            .formatted(file, lastPiece));
  }

  @Test
  void refusesFilesOfAnotherKind() throws IOException {
    Files.writeString(file, "some text that is no file of reports");

    assertThatIsRefused(
        play(), "%s: is no file of reports, which begin with FULLRANK1".formatted(file));
    Files.delete(file);
    assertThatIsRefused(play(), "%s: there is no such file".formatted(file));
  }

  @Test
  void refusesReportsOutOfOrder() throws IOException {
    Path other = recorded.without(ReportRequest::hasProgress).write(folder.resolve("other"));

    assertThatIsRefused(
        CommandRun.of("import", other.toString(), "--trainer-port", "" + server.port()),
        "%s: damaged at byte %d: report 2 has sequence 3"
            .formatted(other, recorded.offsetOf(ReportRequest::hasProgress)));
  }

  @Test
  void saysWhatTheServerRefuses() {
    server.refuse(Status.ALREADY_EXISTS.withDescription("the run belongs to another key"));

    CommandRun command = play();

    assertThat(command.status()).isEqualTo(1);
    assertThat(command.err())
        .isEqualTo(
            "fullrank: the trainer service at localhost:%d refused: the run belongs to another key%n"
                .formatted(server.port()));
  }

  @Test
  void saysThatThereIsNoServer() {
    CommandRun command =
        CommandRun.of("import", file.toString(), "--trainer-port", "" + FreePort.any());

    assertThat(command.status()).isEqualTo(1);
    assertThat(command.err())
        .contains("does not answer")
        .endsWith("'fullrank up' starts a stack%n".formatted())
        .hasLineCount(1);
  }

  private CommandRun play(String... options) {
    String[] line = {"import", file.toString(), "--trainer-port", "" + server.port()};
    String[] all = Arrays.copyOf(line, line.length + options.length);
    System.arraycopy(options, 0, all, line.length, options.length);
    return CommandRun.of(all);
  }

  private void assertThatIsRefused(CommandRun command, String message) {
    assertThat(command.status()).isEqualTo(2);
    assertThat(command.err()).isEqualTo("fullrank: %s%n".formatted(message));
    assertThat(server.registrations()).isEmpty();
  }
}

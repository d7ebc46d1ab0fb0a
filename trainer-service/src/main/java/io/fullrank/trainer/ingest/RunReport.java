package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.Requirements.invalid;
import static io.fullrank.trainer.ingest.Requirements.require;
import static io.fullrank.trainer.ingest.Requirements.requireText;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.fullrank.network.rule.Action;
import io.fullrank.network.rule.Finding;
import io.fullrank.network.rule.RuleWatch;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Accepted;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Stop;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.service.runtime.UploadPace;
import io.fullrank.trainer.queue.AcceptedRuns.AcceptedRun;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One stream of an external run: its reports become records, acknowledgements and verdicts go back.
 *
 * <p>All its work is done on the session's worker. The client is asked for its next message when
 * the one before is dealt with and there is room for more, so that a stream holds one message, and
 * its snapshot as far as that has arrived. A snapshot is written only when it is whole; once its
 * first chunk is written the others follow, whatever becomes of the stream.
 */
final class RunReport implements StreamObserver<ReportRequest>, RunWatch.Listener {

  private static final Logger LOG = LoggerFactory.getLogger(RunReport.class);

  private static final int PROTOCOL = 1;

  /** Bytes of a record of progress; what is longer does not fit into a message of its topic. */
  private static final int MAX_EVENT_BYTES = 256 << 10;

  private static final int MAX_VERSIONS = 64;

  /** Verdicts that wait for a client that does not read. */
  private static final int MAX_OUTGOING = 1000;

  private final IngestSession session;
  private final ServerCallStreamObserver<ReportResponse> call;
  private final Unanswered unanswered = new Unanswered();
  private final Deque<ReportResponse> outgoing = new ArrayDeque<>();
  private final CompletableFuture<Void> written = new CompletableFuture<>();

  private Begin begin = Begin.getDefaultInstance();
  private RunHeader header = RunHeader.getDefaultInstance();
  private RuleWatch rules = new RuleWatch(List.of());
  private long sequence;
  private Optional<IncomingSnapshot> incoming = Optional.empty();
  private Optional<Unanswered.Report> incomingReport = Optional.empty();
  private Optional<SnapshotMemory.Reservation> reservation = Optional.empty();

  // Of the snapshot that is coming in: it holds memory, whatever else the client sends meanwhile.
  private Optional<UploadPace> pace = Optional.empty();
  private Optional<RunResult> result = Optional.empty();
  private Future<?> ticks = CompletableFuture.completedFuture(null);

  // What has to be over before another stream may write for the run.
  private CompletableFuture<Void> before = CompletableFuture.completedFuture(null);
  private CompletableFuture<Void> chunks = CompletableFuture.completedFuture(null);

  private boolean reporting;
  private boolean awaiting;
  private boolean halfClosed;
  private boolean ended;
  private long awaitingSince;
  private long lastEvent;
  private long accepted;
  private long told;

  RunReport(IngestSession session, ServerCallStreamObserver<ReportResponse> call) {
    this.session = session;
    this.call = call;
  }

  /** Begins to listen to the client. Called once, on the worker. */
  void open() {
    if (session.writers().count() >= session.settings().maxStreams()) {
      end(
          Status.RESOURCE_EXHAUSTED.withDescription(
              "%d streams are open; the server's %s sets the limit"
                  .formatted(session.writers().count(), Requirements.key("ingest.max-streams"))));
      return;
    }
    session.writers().opened(this);
    long half = session.settings().heartbeatInterval().toNanos() / 2;
    ticks =
        session
            .worker()
            .scheduleWithFixedDelay(
                session.tasks().guard(() -> attempt(this::tick)), half, half, TimeUnit.NANOSECONDS);
    awaitNext();
  }

  long attempt() {
    return begin.getAttempt();
  }

  /** Completes when this stream and those before it write no more for the run. */
  CompletableFuture<Void> written() {
    return written;
  }

  @Override
  public void onNext(ReportRequest request) {
    session.onWorker(() -> attempt(() -> take(request)));
  }

  @Override
  public void onError(Throwable cancelled) {
    session.onWorker(this::release);
  }

  @Override
  public void onCompleted() {
    session.onWorker(() -> attempt(this::halfClose));
  }

  @Override
  public void checked(CheckRecord record) {
    session.onWorker(() -> attempt(() -> tell(record)));
  }

  @Override
  public void cancelled() {
    session.onWorker(() -> attempt(this::stop));
  }

  /** Sends what waits for a client that was slow. */
  void ready() {
    session.onWorker(() -> attempt(this::flush));
  }

  /** Ends the stream. */
  void end(Status status) {
    if (!ended) {
      session.metrics().refused(status.getCode());
      release();
      call.onError(status.asException());
    }
  }

  private void attempt(Step step) {
    if (ended) {
      return;
    }
    try {
      step.run();
    } catch (StatusException refused) {
      end(refused.getStatus());
    } catch (RuntimeException | OutOfMemoryError failed) {
      LOG.error("run {}: a report failed", begin.getRun(), failed);
      end(Status.INTERNAL.withDescription("the report failed: " + failed));
    }
  }

  private void awaitNext() {
    if (!ended) {
      awaiting = true;
      awaitingSince = System.nanoTime();
      call.request(1);
    }
  }

  /** Asks for the next message as soon as there is room for what it may lead to. */
  private void awaitNextWhenRoom() {
    session.outlet().whenRoom(this::awaitNext);
  }

  private void take(ReportRequest request) throws StatusException {
    awaiting = false;
    Duration wait = Duration.ofNanos(System.nanoTime() - awaitingSince);
    pace = pace.map(before -> before.after(wait, request.getFeaturesPiece().size()));
    require(
        request.getSequence() == sequence + 1,
        "sequence: %s came where %s was due"
            .formatted(
                Long.toUnsignedString(request.getSequence()), Long.toUnsignedString(sequence + 1)));
    sequence++;
    if (!reporting) {
      require(request.hasBegin(), "begin: must come first");
      begin(request.getBegin());
      return;
    }
    switch (request.getReportCase()) {
      case BEGIN -> throw invalid("begin: comes a second time");
      case PROGRESS -> progress(request.getProgress());
      case GUARANTEE -> event("guarantee", event -> event.setGuarantee(request.getGuarantee()));
      case HEARTBEAT -> heartbeat();
      case SNAPSHOT -> snapshot(request.getSnapshot());
      case FEATURES_PIECE -> piece(request.getFeaturesPiece());
      case RESULT -> result(request.getResult());
      case REPORT_NOT_SET -> throw invalid("report: is empty or of a kind that is not known");
    }
  }

  private void begin(Begin asked) throws StatusException {
    if (asked.getProtocol() != PROTOCOL) {
      throw Status.FAILED_PRECONDITION
          .withDescription(
              "begin.protocol: %s, but this server knows version %d only; update the older one of the"
                      .formatted(Integer.toUnsignedString(asked.getProtocol()), PROTOCOL)
                  + " client and the server")
          .asException();
    }
    require(!asked.getRun().isEmpty(), "begin.run: is missing");
    requireText("begin.run", asked.getRun());
    require(asked.getAttempt() != 0, "begin.attempt: 0, must be at least 1");
    require(
        !asked.hasSwitchStep()
            || asked.getTotalSteps() == 0
            || Long.compareUnsigned(asked.getSwitchStep(), asked.getTotalSteps()) <= 0,
        "begin.switch_step: %s, must be at most total_steps, %s"
            .formatted(
                Long.toUnsignedString(asked.getSwitchStep()),
                Long.toUnsignedString(asked.getTotalSteps())));
    requireText("begin.client", asked.getClient());
    requireText("begin.data_set.name", asked.getDataSet().getName());
    require(
        asked.getVersionsCount() <= MAX_VERSIONS,
        "begin.versions: %d, must be at most %d".formatted(asked.getVersionsCount(), MAX_VERSIONS));
    for (var version : asked.getVersionsMap().entrySet()) {
      requireText("begin.versions", version.getKey());
      requireText("begin.versions", version.getValue());
    }
    RunKey key = RunKey.of(asked.getRunKey());
    begin = asked.toBuilder().clearRunKey().build();
    session
        .lookups()
        .execute(
            () -> {
              try {
                Optional<AcceptedRun> found = session.accepted().find(asked.getRun());
                session.onWorker(() -> attempt(() -> begin(key, found)));
              } catch (KafkaException unavailable) {
                session.onWorker(() -> end(unavailable(unavailable)));
              }
            });
  }

  private void begin(RunKey key, Optional<AcceptedRun> found) throws StatusException {
    AcceptedRun run =
        found.orElseThrow(
            () ->
                Status.NOT_FOUND
                    .withDescription("begin.run: no run is named '%s'".formatted(begin.getRun()))
                    .asException());
    if (!key.matches(run.request().getRunKeySha256())) {
      throw Status.PERMISSION_DENIED
          .withDescription("begin.run_key: is not the key of run '%s'".formatted(begin.getRun()))
          .asException();
    }
    before = session.writers().takeOver(begin.getRun(), this);
    CompletableFuture<Void> unused =
        before.thenRun(() -> session.onWorker(() -> attempt(() -> report(run))));
  }

  private void report(AcceptedRun run) throws StatusException {
    LOG.info("run {}: attempt {} is reported", begin.getRun(), Long.toUnsignedString(attempt()));
    reporting = true;
    header = header(run.request(), begin);
    rules = new RuleWatch(header.getSpec().getRulesList());
    event("begin", event -> event.setStarted(header));
    // Readers learn from it how soon to expect the next.
    writeHeartbeat(unanswered.add(sequence, 1));
    session.watch().follow(run, this);
    if (run.request().getCancelled()) {
      stop();
    }
  }

  private static RunHeader header(RunRequest request, Begin begin) {
    RunHeader.Builder header =
        RunHeader.newBuilder()
            .setRun(request.getRun())
            .setExperiment(request.getExperiment())
            .setVariant(request.getVariant())
            .setSeed(request.getSeed())
            .setAttempt(begin.getAttempt())
            .setSpec(request.getSpec())
            .setDataSet(begin.getDataSet())
            .setTotalSteps(begin.getTotalSteps())
            .setStartedAt(Timestamps.now())
            .setTrainer(begin.getClient())
            .putAllVersions(begin.getVersionsMap())
            .addAllWarnings(request.getWarningsList());
    if (begin.hasSwitchStep()) {
      header.setSwitchStep(begin.getSwitchStep());
    }
    if (begin.hasResumedFromStep()) {
      header.setResumedFromStep(begin.getResumedFromStep());
    }
    return header.build();
  }

  private void event(String field, Consumer<RunEvent.Builder> content) throws StatusException {
    writeEvent(field, content, unanswered.add(sequence, 1));
    awaitNextWhenRoom();
  }

  private void writeEvent(
      String field, Consumer<RunEvent.Builder> content, Unanswered.Report report)
      throws StatusException {
    RunEvent.Builder event =
        RunEvent.newBuilder()
            .setRun(header.getRun())
            .setAttempt(header.getAttempt())
            .setAt(Timestamps.now());
    content.accept(event);
    byte[] bytes = event.build().toByteArray();
    require(
        bytes.length <= MAX_EVENT_BYTES,
        "%s: %d bytes, must be at most %d".formatted(field, bytes.length, MAX_EVENT_BYTES));
    lastEvent = System.nanoTime();
    write(Topic.PROGRESS, bytes, report);
  }

  private void progress(Progress progress) throws StatusException {
    writeEvent("progress", event -> event.setProgress(progress), unanswered.add(sequence, 1));
    advise(rules.progress(progress));
    awaitNextWhenRoom();
  }

  private void heartbeat() throws StatusException {
    Unanswered.Report report = unanswered.add(sequence, 0);
    // Clients send one when nothing else was sent for the interval; half of it allows for delays.
    if (silentFor(session.settings().heartbeatInterval().dividedBy(2))) {
      unanswered.more(report);
      writeHeartbeat(report);
    }
    answer();
    awaitNextWhenRoom();
  }

  private void writeHeartbeat(Unanswered.Report report) throws StatusException {
    Heartbeat heartbeat =
        Heartbeat.newBuilder()
            .setInterval(Durations.fromMillis(session.settings().heartbeatInterval().toMillis()))
            .build();
    writeEvent("heartbeat", event -> event.setHeartbeat(heartbeat), report);
  }

  private boolean silentFor(Duration time) {
    return System.nanoTime() - lastEvent >= time.toNanos();
  }

  private void snapshot(SnapshotBegin announced) throws StatusException {
    requireNoIncoming("snapshot: comes");
    IncomingSnapshot snapshot = IncomingSnapshot.of(announced, header, session.settings());
    incoming = Optional.of(snapshot);
    pace = Optional.of(UploadPace.atStart(session.settings().idleTimeout()));
    incomingReport = Optional.of(unanswered.add(sequence, 1));
    reservation =
        Optional.of(
            session
                .memory()
                .reserve(
                    snapshot.bytes(),
                    () -> session.onWorker(() -> attempt(() -> receive(snapshot)))));
  }

  private void receive(IncomingSnapshot snapshot) {
    if (snapshot.isComplete()) {
      write(snapshot);
    } else {
      awaitNext();
    }
  }

  private void piece(ByteString piece) throws StatusException {
    IncomingSnapshot snapshot =
        incoming.orElseThrow(() -> invalid("features_piece: comes without a snapshot"));
    snapshot.append(piece);
    session.metrics().featuresReceived(piece.size());
    if (silentFor(session.settings().heartbeatInterval())) {
      writeHeartbeat(unanswered.add(sequence, 1));
    } else if (snapshot.isComplete()) {
      Unanswered.Report unused = unanswered.add(sequence, 0);
    }
    receive(snapshot);
  }

  private void write(IncomingSnapshot snapshot) {
    Unanswered.Report report = incomingReport.orElseThrow();
    Iterator<SnapshotChunk> rest = snapshot.chunks(header).iterator();
    incoming = Optional.empty();
    incomingReport = Optional.empty();
    pace = Optional.empty();
    chunks = new CompletableFuture<>();
    writeNext(rest, report);
  }

  // One chunk at a time, so that the streams take turns.
  private void writeNext(Iterator<SnapshotChunk> rest, Unanswered.Report report) {
    if (!rest.hasNext()) {
      releaseMemory();
      acknowledged(report);
      chunks.complete(null);
      awaitNextWhenRoom();
      return;
    }
    unanswered.more(report);
    write(Topic.SNAPSHOTS, rest.next().toByteArray(), report);
    session.outlet().whenRoom(() -> session.onWorker(() -> writeNext(rest, report)));
  }

  private void write(Topic topic, byte[] value, Unanswered.Report report) {
    session
        .outlet()
        .write(
            topic,
            header.getRun(),
            value,
            failure -> {
              if (failure.isPresent()) {
                LOG.error("run {}: Kafka refused a record", header.getRun(), failure.get());
                end(
                    Status.INTERNAL.withDescription(
                        "Kafka refused a record: " + failure.get().getMessage()));
              } else {
                acknowledged(report);
              }
            });
  }

  private void acknowledged(Unanswered.Report report) {
    unanswered.acknowledged(report);
    attempt(this::answer);
  }

  private void result(RunResult reported) throws StatusException {
    requireNoIncoming("result: comes");
    require(
        reported.getState() == RunState.RUN_STATE_FINISHED
            || reported.getState() == RunState.RUN_STATE_FAILED
            || reported.getState() == RunState.RUN_STATE_CANCELLED,
        "result.state: must be finished, failed or cancelled");
    advise(rules.concluded(reported.getGuarantee(), reported.getSteps()));
    result = Optional.of(reported);
    answer();
  }

  private void halfClose() throws StatusException {
    require(reporting, "begin: is missing");
    requireNoIncoming("the end comes");
    awaiting = false;
    halfClosed = true;
    answer();
  }

  private void requireNoIncoming(String what) throws StatusException {
    require(
        incoming.isEmpty(),
        incoming.map(snapshot -> what + " before all pieces of " + snapshot).orElse(""));
  }

  private void answer() throws StatusException {
    accepted = Math.max(accepted, unanswered.answer(session.metrics()::reportAccepted));
    if (unanswered.isEmpty() && result.isPresent()) {
      // It ends the run for good, so Kafka must have the run's snapshots before it: there is no
      // order among topics.
      RunResult last = result.get();
      result = Optional.empty();
      halfClosed = true;
      writeEvent("result", event -> event.setFinished(last), unanswered.add(sequence, 1));
    }
    flush();
  }

  private void tell(CheckRecord record) throws StatusException {
    ReportResponse.Builder response = ReportResponse.newBuilder();
    if (record.hasVerdict()) {
      outgoing.add(response.setVerdict(record.getVerdict()).build());
      follow(record.getVerdict());
    } else if (record.hasSkipped()) {
      outgoing.add(response.setSkipped(record.getSkipped()).build());
    }
    flush();
    if (outgoing.size() > MAX_OUTGOING) {
      throw Status.UNAVAILABLE
          .withDescription(
              "more than %d verdicts wait to be read; connect again and read them"
                  .formatted(MAX_OUTGOING))
          .asException();
    }
  }

  /** Lets the rules see a verdict that is not late. */
  private void follow(Verdict verdict) throws StatusException {
    if (verdict.getAttempt() == attempt()) {
      advise(rules.verdict(verdict));
    } else if (header.hasResumedFromStep()
        && Long.compareUnsigned(verdict.getStep(), header.getResumedFromStep()) <= 0) {
      // It stands, and what followed from it was advised to an earlier attempt.
      rules.verdict(verdict).forEach(finding -> rules.act(finding, verdict.getStep()));
    }
  }

  /**
   * Tells the client, and all readers, what rules advise. A stream that begins again gives the same
   * advice on the same verdicts: the step is that of what was looked at.
   */
  private void advise(List<Finding> findings) throws StatusException {
    if (halfClosed || result.isPresent()) {
      return;
    }
    for (Finding finding : findings) {
      RuleEvent event = rules.act(finding, finding.observed().getObservedStep());
      RuleEvent advice =
          event.toBuilder()
              .setText("%s; advice: %s".formatted(event.getText(), word(event.getAction())))
              .build();
      LOG.info("run {}: {}", header.getRun(), advice.getText());
      writeEvent("rules", told -> told.setRule(advice), unanswered.add(sequence, 1));
      outgoing.add(ReportResponse.newBuilder().setAdvice(advice).build());
    }
    flush();
  }

  private static String word(RuleAction action) {
    return Action.of(action).map(Action::key).orElseThrow();
  }

  private void stop() {
    outgoing.add(
        ReportResponse.newBuilder()
            .setStop(
                Stop.newBuilder().setReason("run '%s' was cancelled".formatted(header.getRun())))
            .build());
    flush();
  }

  private void flush() {
    boolean over = halfClosed && unanswered.isEmpty();
    while (!outgoing.isEmpty() && (over || call.isReady())) {
      call.onNext(outgoing.remove());
    }
    if (accepted > told && (over || call.isReady())) {
      told = accepted;
      call.onNext(
          ReportResponse.newBuilder()
              .setAccepted(Accepted.newBuilder().setSequence(accepted))
              .build());
    }
    if (over) {
      release();
      call.onCompleted();
    }
  }

  private void tick() throws StatusException {
    if (awaiting) {
      Duration patience = session.settings().idleTimeout();
      if (pace.isPresent()) {
        patience = pace.get().patience();
      }
      if (System.nanoTime() - awaitingSince > patience.toNanos()) {
        throw Status.UNAVAILABLE
            .withDescription(
                "%s; the server's %s sets the limit"
                    .formatted(tooSlow(), Requirements.key("ingest.idle-timeout")))
            .asException();
      }
    } else if (reporting
        && result.isEmpty()
        && !halfClosed
        && silentFor(session.settings().heartbeatInterval())) {
      // The run waits for this server, not the other way round.
      writeHeartbeat(unanswered.add(sequence, 1));
    }
  }

  private String tooSlow() {
    Duration idleTimeout = session.settings().idleTimeout();
    return pace.filter(UploadPace::isSlow)
        .map(
            slow ->
                "%d bytes of a snapshot came in %s, and %d bytes a second are expected after %s"
                    .formatted(
                        slow.bytes(),
                        slow.waited(),
                        UploadPace.LEAST_BYTES_PER_SECOND,
                        idleTimeout))
        .orElse("nothing came for " + idleTimeout);
  }

  private void releaseMemory() {
    reservation.ifPresent(SnapshotMemory.Reservation::release);
    reservation = Optional.empty();
  }

  private void release() {
    if (ended) {
      return;
    }
    ended = true;
    ticks.cancel(false);
    session.writers().closed(this);
    session.watch().leave(begin.getRun(), this);
    if (chunks.isDone()) {
      // Otherwise the chunks that are still to be written use it.
      releaseMemory();
    }
    incoming = Optional.empty();
    outgoing.clear();
    CompletableFuture<Void> unused =
        CompletableFuture.allOf(before, chunks).thenRun(() -> written.complete(null));
  }

  private static Status unavailable(KafkaException failed) {
    return Status.UNAVAILABLE
        .withDescription("Kafka does not answer, connect again: " + failed.getMessage())
        .withCause(failed);
  }

  /** A step that may refuse the call. */
  private interface Step {
    void run() throws StatusException;
  }
}

package io.fullrank.client;

import io.fullrank.proto.v1.IngestLimits;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** What the server has answered so far, for threads that wait for it. */
final class Answers {

  /** The newest steps whose answers are kept. */
  private static final int KEPT = 100;

  /** The check of the features. */
  static final String OF_FEATURES = "expressivity";

  private static final Logger LOG = System.getLogger("io.fullrank.client");

  private final long attempt;
  private final Consumer<RuleEvent> onAdvice;
  private final Set<RuleEvent> advice = new HashSet<>();
  // By step, then by check.
  private final Map<Long, Map<String, Verdict>> verdicts = new Newest<>();
  // Steps on which no more verdicts will come.
  private final Map<Long, Boolean> settled = new Newest<>();
  private Optional<RegisterRunResponse> registration = Optional.empty();
  private Optional<String> stop = Optional.empty();
  private Optional<String> refusal = Optional.empty();

  Answers(long attempt, Consumer<RuleEvent> onAdvice) {
    this.attempt = attempt;
    this.onAdvice = onAdvice;
  }

  synchronized void registered(RegisterRunResponse response) {
    registration = Optional.of(response);
    notifyAll();
  }

  synchronized void verdict(Verdict verdict) {
    if (verdict.getAttempt() == attempt) {
      String check = verdict.getCheck().isEmpty() ? OF_FEATURES : verdict.getCheck();
      verdicts.computeIfAbsent(verdict.getStep(), step -> new HashMap<>()).put(check, verdict);
      notifyAll();
    }
  }

  synchronized void skipped(SnapshotSkipped skipped) {
    if (skipped.getAttempt() == attempt) {
      noVerdict(skipped.getStep());
    }
  }

  /** Notes that no verdict will come on a step, unless there is one. */
  synchronized void noVerdict(long step) {
    settled.put(step, true);
    notifyAll();
  }

  /** Takes advice; a stream that begins again brings what came before once more. */
  void advised(RuleEvent event) {
    synchronized (this) {
      if (!advice.add(event)) {
        return;
      }
      if (event.getAction() == RuleAction.RULE_ACTION_STOP && stop.isEmpty()) {
        stop(event.getText());
      }
    }
    try {
      onAdvice.accept(event);
    } catch (RuntimeException fault) {
      LOG.log(Level.WARNING, "Fullrank: the listener for advice failed", fault);
    }
  }

  synchronized void stop(String reason) {
    stop = Optional.of(reason);
    notifyAll();
  }

  /** Notes that the server does not want this run, so that nothing more will come. */
  synchronized void refused(String reason) {
    refusal = Optional.of(reason);
    notifyAll();
  }

  synchronized Optional<RegisterRunResponse> registration() {
    return registration;
  }

  synchronized IngestLimits limits() {
    return registration.orElseThrow().getLimits();
  }

  synchronized Optional<String> stop() {
    return stop;
  }

  synchronized Optional<String> refusal() {
    return refusal;
  }

  /** Waits until the run is registered or refused. */
  synchronized void awaitRegistration(Duration limit) throws InterruptedException {
    await(limit, () -> registration.isPresent() || refusal.isPresent());
  }

  /**
   * Waits for the verdict of a check on a step; empty if none comes within the limit, or none will
   * come.
   */
  synchronized Optional<Verdict> awaitVerdict(long step, String check, Duration limit)
      throws InterruptedException {
    await(
        limit,
        () ->
            verdict(step, check).isPresent()
                || settled.containsKey(step)
                || refusal.isPresent()
                || stop.isPresent());
    return verdict(step, check);
  }

  private Optional<Verdict> verdict(long step, String check) {
    return Optional.ofNullable(verdicts.getOrDefault(step, Map.of()).get(check));
  }

  /** What is known of the steps that it was learnt of last. */
  private static final class Newest<V> extends LinkedHashMap<Long, V> {
    private static final long serialVersionUID = 1L;

    @Override
    protected boolean removeEldestEntry(Map.Entry<Long, V> eldest) {
      return size() > KEPT;
    }
  }

  private void await(Duration limit, BooleanSupplier answered) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!answered.getAsBoolean()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return;
      }
      wait(left / 1_000_000 + 1);
    }
  }
}

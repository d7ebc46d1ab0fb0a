package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Attention;
import io.fullrank.proto.v1.AttentionKind;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** What a person should look at: each run has at most one of a kind, or of a kind and check. */
public final class Concerns {

  private static final String GRADIENT_NORM = "gradient-norm";
  private static final String GRADIENT_BOUND = "gradient-norm-lower-bound";

  private static final Comparator<Attention> LATEST_FIRST =
      Comparator.comparing(Attention::getAt, SubmissionOrder.BY_TIME)
          .reversed()
          .thenComparing(Attention::getRun)
          .thenComparing(Attention::getKindValue)
          .thenComparing(Attention::getCheck);

  private Concerns() {}

  /**
   * Returns the latest of what is concerning, the latest first.
   *
   * @param total how much there is
   * @param limit how many at most
   */
  static ListAttentionResponse latest(Collection<Attention> some, int total, int limit) {
    return ListAttentionResponse.newBuilder()
        .addAllAttention(some.stream().sorted(LATEST_FIRST).limit(limit).toList())
        .setTotal(total)
        .build();
  }

  /**
   * Returns the latest of what is concerning in some parts, the latest first.
   *
   * @param parts each with the latest of its own, as many as are wanted or all
   * @param limit how many at most
   */
  public static ListAttentionResponse latest(Collection<ListAttentionResponse> parts, int limit) {
    return latest(
        parts.stream().flatMap(part -> part.getAttentionList().stream()).toList(),
        parts.stream().mapToInt(ListAttentionResponse::getTotal).sum(),
        limit);
  }

  /** Returns that a run is stalled. */
  static Attention stalled(Submission place, Timestamp heardAt) {
    return Attention.newBuilder()
        .setKind(AttentionKind.ATTENTION_KIND_STALLED)
        .setRun(place.getRun())
        .setExperiment(place.getExperiment())
        .setAt(heardAt)
        .setText("Nothing has been heard of it for three of its heartbeats.")
        .build();
  }

  /** Returns what is concerning of a known run, but whether it is stalled. */
  static List<Attention> of(StoredRun run) {
    List<Attention> concerns = new ArrayList<>();
    if (RunHistory.state(run) == RunState.RUN_STATE_FAILED) {
      concerns.add(
          of(run, AttentionKind.ATTENTION_KIND_FAILED, run.getEndedAt())
              .setStep(run.getResult().getSteps())
              .setText(
                  run.getResult().getReason().isEmpty()
                      ? "It did not say why."
                      : run.getResult().getReason())
              .build());
    }
    RunHistory.guarantee(run)
        .filter(guarantee -> guarantee.hasHeld() && !guarantee.getHeld())
        .ifPresent(
            guarantee ->
                concerns.add(
                    of(run, AttentionKind.ATTENTION_KIND_GUARANTEE_VIOLATED, run.getEndedAt())
                        .setStep(guarantee.getAtStep())
                        .setText("It was stated, and is not so: " + guarantee.getText())
                        .build()));
    ruled(run).ifPresent(concerns::add);
    for (Verdict verdict : RunHistory.latestVerdicts(run)) {
      lapsed(run, verdict).ifPresent(concerns::add);
      gradientBoundViolated(run, verdict).ifPresent(concerns::add);
    }
    return List.copyOf(concerns);
  }

  /** Returns what a rule did last; events have no time of their own. */
  private static Optional<Attention> ruled(StoredRun run) {
    int count = run.getRuleEventsCount();
    if (count == 0) {
      return Optional.empty();
    }
    RuleEvent last = run.getRuleEvents(count - 1);
    return Optional.of(
        of(run, AttentionKind.ATTENTION_KIND_RULE_ACTED, run.getLastEventAt())
            .setStep(last.getStep())
            .setCheck(last.getCheck())
            .setText(
                count == 1
                    ? last.getText()
                    : "%s Rules acted %d times on this run.".formatted(last.getText(), count))
            .build());
  }

  private static Optional<Attention> lapsed(StoredRun run, Verdict verdict) {
    Outcome outcome = verdict.getCertificate().getOutcome();
    if ((outcome != Outcome.OUTCOME_REFUTED && outcome != Outcome.OUTCOME_UNDETERMINED)
        || !run.containsCertifiedSteps(verdict.getCheck())) {
      return Optional.empty();
    }
    return Optional.of(
        of(run, AttentionKind.ATTENTION_KIND_CERTIFICATE_LAPSED, verdict.getCheckedAt())
            .setStep(verdict.getStep())
            .setCheck(verdict.getCheck())
            .setText(
                "CERTIFIED at step %s, %s at step %s: %s"
                    .formatted(
                        Long.toUnsignedString(run.getCertifiedStepsOrThrow(verdict.getCheck())),
                        outcome.name().replace("OUTCOME_", ""),
                        Long.toUnsignedString(verdict.getStep()),
                        verdict.getCertificate().getReason()))
            .build());
  }

  private static Optional<Attention> gradientBoundViolated(StoredRun run, Verdict verdict) {
    OptionalDouble bound = measure(verdict, GRADIENT_BOUND, true);
    OptionalDouble norm = measure(verdict, GRADIENT_NORM, false);
    if (bound.isEmpty() || norm.isEmpty() || norm.getAsDouble() >= bound.getAsDouble()) {
      return Optional.empty();
    }
    return Optional.of(
        of(run, AttentionKind.ATTENTION_KIND_GRADIENT_BOUND_VIOLATED, verdict.getCheckedAt())
            .setStep(verdict.getStep())
            .setCheck(verdict.getCheck())
            .setText(
                String.format(
                    Locale.ROOT,
                    "The gradient's norm is %.3g, and was proven to be at least %.3g: a fault of"
                        + " the program.",
                    norm.getAsDouble(),
                    bound.getAsDouble()))
            .build());
  }

  /** Returns the first measure of a name about the whole network. */
  private static OptionalDouble measure(Verdict verdict, String name, boolean isLowerBound) {
    return verdict.getMeasuresList().stream()
        .filter(measure -> measure.getName().equals(name) && measure.getLayer().isEmpty())
        .filter(
            measure -> isLowerBound == (measure.getKind() == MeasureKind.MEASURE_KIND_LOWER_BOUND))
        .mapToDouble(Measure::getValue)
        .findFirst();
  }

  // Times that others state may be out of range, and then have no place in an order.
  private static Attention.Builder of(StoredRun run, AttentionKind kind, Timestamp at) {
    boolean stated = Timestamps.isValid(at) && at.getSeconds() > 0;
    return Attention.newBuilder()
        .setKind(kind)
        .setRun(run.getRequest().getRun())
        .setExperiment(run.getRequest().getExperiment())
        .setAt(stated ? at : run.getLastEventAt());
  }
}

package io.fullrank.metrics.query;

import com.google.protobuf.Message;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.metrics.store.CheckLedger;
import io.fullrank.metrics.store.Excerpt;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.v1.Place;
import io.fullrank.metrics.v1.StepPlace;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Verdict;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;

/**
 * Lists progress or verdicts of one run by step, out of the partition that the run is in. An empty
 * {@code Optional} means that there is no such run.
 */
public final class StepLists {

  private StepLists() {}

  /**
   * Checks what can be checked without the run.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT naming the field
   */
  public static void require(ListProgressRequest request) {
    Pages.size(request.getPageSize());
    Pages.points(request.getMaxPoints(), request.getPageToken());
    range(request.hasFromStep(), request.getFromStep(), request.hasToStep(), request.getToStep());
    place(request.getPageToken(), list(request));
  }

  /**
   * Checks what can be checked without the run.
   *
   * @throws StatusRuntimeException INVALID_ARGUMENT naming the field
   */
  public static void require(ListVerdictsRequest request) {
    Pages.size(request.getPageSize());
    Pages.points(request.getMaxPoints(), request.getPageToken());
    range(request.hasFromStep(), request.getFromStep(), request.hasToStep(), request.getToStep());
    place(request.getPageToken(), list(request));
  }

  /** Lists progress. */
  public static Optional<ListProgressResponse> list(
      RunPartition partition, ListProgressRequest request) {
    StepRange range =
        range(
            request.hasFromStep(), request.getFromStep(), request.hasToStep(), request.getToStep());
    int points = Pages.points(request.getMaxPoints(), request.getPageToken());
    if (points != 0) {
      return partition
          .spreadProgress(request.getRun(), range, points)
          .map(found -> ListProgressResponse.newBuilder().addAllProgress(found.values()).build());
    }
    int size = Pages.size(request.getPageSize());
    Optional<StepPlace> after = place(request.getPageToken(), list(request));
    if (after.isPresent() && after.get().getStep() == range.to()) {
      return Optional.of(ListProgressResponse.getDefaultInstance());
    }
    StepRange left =
        after.map(place -> new StepRange(place.getStep() + 1, range.to())).orElse(range);
    // One more than asked for tells whether there is another page.
    Optional<Excerpt<Progress>> found = partition.progress(request.getRun(), left, size + 1);
    return found.map(
        steps -> {
          after.ifPresent(place -> requireStanding(steps.run(), place));
          int onPage = Pages.fitting(steps.values(), size);
          ListProgressResponse.Builder page =
              ListProgressResponse.newBuilder().addAllProgress(steps.values().subList(0, onPage));
          if (onPage < steps.values().size()) {
            page.setNextPageToken(
                token(steps.run(), steps.values().get(onPage - 1).getStep(), "", list(request)));
          }
          return page.build();
        });
  }

  /** Lists verdicts. */
  public static Optional<ListVerdictsResponse> list(
      RunPartition partition, ListVerdictsRequest request) {
    StepRange range =
        range(
            request.hasFromStep(), request.getFromStep(), request.hasToStep(), request.getToStep());
    int points = Pages.points(request.getMaxPoints(), request.getPageToken());
    if (points != 0) {
      return partition
          .spreadVerdicts(request.getRun(), range, request.getCheck(), points)
          .map(found -> ListVerdictsResponse.newBuilder().addAllVerdicts(found.values()).build());
    }
    int size = Pages.size(request.getPageSize());
    Optional<StepPlace> after = place(request.getPageToken(), list(request));
    // One more than asked for tells whether there is another page.
    Optional<Excerpt<Verdict>> found =
        partition.verdicts(
            request.getRun(),
            range,
            request.getCheck(),
            after.map(place -> new CheckLedger.Key(place.getStep(), place.getCheck())),
            size + 1);
    return found.map(
        steps -> {
          after.ifPresent(place -> requireStanding(steps.run(), place));
          int onPage = Pages.fitting(steps.values(), size);
          ListVerdictsResponse.Builder page =
              ListVerdictsResponse.newBuilder().addAllVerdicts(steps.values().subList(0, onPage));
          if (onPage < steps.values().size()) {
            Verdict last = steps.values().get(onPage - 1);
            page.setNextPageToken(
                token(steps.run(), last.getStep(), last.getCheck(), list(request)));
          }
          return page.build();
        });
  }

  private static Message list(ListProgressRequest request) {
    return request.toBuilder().clearPageSize().clearPageToken().build();
  }

  private static Message list(ListVerdictsRequest request) {
    return request.toBuilder().clearPageSize().clearPageToken().build();
  }

  private static StepRange range(boolean hasFrom, long from, boolean hasTo, long to) {
    if (hasTo && Long.compareUnsigned(from, to) > 0) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "from_step: %s is after to_step, %s"
                  .formatted(Long.toUnsignedString(from), Long.toUnsignedString(to)))
          .asRuntimeException();
    }
    return new StepRange(hasFrom ? from : 0, hasTo ? to : -1);
  }

  private static Optional<StepPlace> place(String token, Message list) {
    return PageToken.place(token, list, Place.AfterCase.STEP).map(Place::getStep);
  }

  private static String token(StoredRun run, long step, String check, Message list) {
    return PageToken.of(
        list,
        Place.newBuilder()
            .setStep(
                StepPlace.newBuilder().setAttempt(run.getAttempt()).setStep(step).setCheck(check)));
  }

  // The entries on the pages before must still be part of the list.
  private static void requireStanding(StoredRun run, StepPlace place) {
    if (!RunHistory.stands(run, place.getAttempt(), place.getStep())) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "page_token: run %s has started again since; leave it empty to begin anew"
                  .formatted(run.getRequest().getRun()))
          .asRuntimeException();
    }
  }
}

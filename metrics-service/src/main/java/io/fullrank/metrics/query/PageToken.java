package io.fullrank.metrics.query;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.fullrank.metrics.v1.Place;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Base64;
import java.util.Optional;

/**
 * Where a list goes on: opaque to clients, and good with every instance, for as long as the list is
 * there.
 */
public final class PageToken {

  private PageToken() {}

  /**
   * Returns the token that says where a list goes on.
   *
   * @param list what was asked for, without page size and token
   * @param place the place of the last entry on the page
   */
  public static String of(Message list, Place.Builder place) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(place.setList(Digest.of(list)).build().toByteArray());
  }

  /**
   * Returns where a list goes on, or empty for the empty token that begins it.
   *
   * @param list what is asked for, without page size and token
   * @param kind the kind of places that this list has
   * @throws StatusRuntimeException INVALID_ARGUMENT if this list did not give the token out
   */
  public static Optional<Place> place(String token, Message list, Place.AfterCase kind) {
    if (token.isEmpty()) {
      return Optional.empty();
    }
    try {
      Place place = Place.parseFrom(Base64.getUrlDecoder().decode(token));
      if (place.getAfterCase() == kind && place.getList() == Digest.of(list)) {
        return Optional.of(place);
      }
    } catch (IllegalArgumentException | InvalidProtocolBufferException unreadable) {
      throw invalid(unreadable);
    }
    throw invalid(null);
  }

  private static StatusRuntimeException invalid(Throwable cause) {
    return Status.INVALID_ARGUMENT
        .withDescription(
            "page_token: not one that this list gave out; leave it empty to begin anew")
        .withCause(cause)
        .asRuntimeException();
  }
}

package io.fullrank.metrics;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * Where a list goes on: opaque to clients, and good for as long as what it points to is there, a
 * restart of the service included.
 */
final class PageToken {

  private static final String SEPARATOR = "\n";

  private PageToken() {}

  /** Returns the token that holds some parts, none of which holds a line break but the last. */
  static String of(String... parts) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(String.join(SEPARATOR, parts).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Returns the parts of a token, or empty if it is the empty one that begins a list.
   *
   * @param count how many parts there must be
   * @throws StatusRuntimeException INVALID_ARGUMENT if it is no such token
   */
  static Optional<List<String>> parts(String token, int count) {
    if (token.isEmpty()) {
      return Optional.empty();
    }
    try {
      String text = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8);
      List<String> parts = List.of(text.split(SEPARATOR, count));
      if (parts.size() == count) {
        return Optional.of(parts);
      }
    } catch (IllegalArgumentException notBase64) {
      throw invalid(notBase64);
    }
    throw invalid(null);
  }

  /** Returns the error for a token that this list did not give out. */
  static StatusRuntimeException invalid(Throwable cause) {
    return Status.INVALID_ARGUMENT
        .withDescription(
            "page_token: not one that this list gave out; leave it empty to begin anew")
        .withCause(cause)
        .asRuntimeException();
  }
}

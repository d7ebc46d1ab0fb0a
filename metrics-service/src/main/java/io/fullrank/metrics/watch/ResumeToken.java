package io.fullrank.metrics.watch;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.metrics.v1.Told;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/**
 * What a watcher was told, as it comes back to any instance: digests of states, one for each run.
 */
final class ResumeToken {

  // Base64 writes three bytes in four characters.
  private static final int CHARACTERS_FOR_EACH_RUN = 11;
  private static final int FURTHER_CHARACTERS = 16;

  private ResumeToken() {}

  /** Returns the token of a watcher that was told these states. */
  static String of(Collection<Long> states) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(Told.newBuilder().addAllStates(states).build().toByteArray());
  }

  /**
   * Returns the states that a watcher was told: none if the text is no token of this service, which
   * is treated like a token that is no longer known.
   *
   * @param runs how many runs the watcher follows
   * @throws StatusRuntimeException INVALID_ARGUMENT if no token of so many runs is as long
   */
  static Set<Long> states(String token, int runs) {
    long most = FURTHER_CHARACTERS + (long) CHARACTERS_FOR_EACH_RUN * runs;
    if (token.length() > most) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "resume_token: %d characters, a token of %d %s has at most %d; leave it empty to begin anew"
                  .formatted(token.length(), runs, runs == 1 ? "run" : "runs", most))
          .asRuntimeException();
    }
    try {
      return new HashSet<>(Told.parseFrom(Base64.getUrlDecoder().decode(token)).getStatesList());
    } catch (IllegalArgumentException | InvalidProtocolBufferException unknown) {
      return new HashSet<>();
    }
  }
}

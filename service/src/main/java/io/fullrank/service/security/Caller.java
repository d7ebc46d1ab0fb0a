package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import io.grpc.Context;
import java.util.Optional;
import java.util.Set;

/**
 * The person or program that makes a call.
 *
 * @param name for logs: the subject of a token or of a certificate
 * @param roles the roles that the caller has
 */
public record Caller(String name, Set<Role> roles) {

  /** Goes with a call whose caller is known. */
  static final Context.Key<String> NAME = Context.key("caller");

  /** Returns the name of the caller of the present call; "anyone" where callers are not known. */
  public static String current() {
    return Optional.ofNullable(NAME.get()).orElse("anyone");
  }

  /**
   * Returns whether the caller may do what a role is needed for. Admins may do everything; the
   * service itself may read, which its page does for the readers that HTTP has let in.
   */
  public boolean is(Role required) {
    return switch (required) {
      case ROLE_READER ->
          roles.contains(Role.ROLE_READER)
              || roles.contains(Role.ROLE_SUBMITTER)
              || roles.contains(Role.ROLE_ADMIN)
              || roles.contains(Role.ROLE_PEER);
      case ROLE_SUBMITTER -> roles.contains(Role.ROLE_SUBMITTER) || roles.contains(Role.ROLE_ADMIN);
      case ROLE_ADMIN -> roles.contains(Role.ROLE_ADMIN);
      case ROLE_PEER -> roles.contains(Role.ROLE_PEER) || roles.contains(Role.ROLE_ADMIN);
      case ROLE_UNSPECIFIED, UNRECOGNIZED -> false;
    };
  }
}

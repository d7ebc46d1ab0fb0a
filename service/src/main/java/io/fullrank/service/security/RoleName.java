package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import java.util.Locale;
import java.util.Optional;

/** How people and tokens spell a role: {@code reader}, {@code submitter}, {@code admin}. */
final class RoleName {

  private RoleName() {}

  /** Returns the role that people may have by that name. */
  static Optional<Role> parse(String name) {
    return switch (name) {
      case "reader" -> Optional.of(Role.ROLE_READER);
      case "submitter" -> Optional.of(Role.ROLE_SUBMITTER);
      case "admin" -> Optional.of(Role.ROLE_ADMIN);
      default -> Optional.empty();
    };
  }

  static String of(Role role) {
    return role.name().substring("ROLE_".length()).toLowerCase(Locale.ROOT);
  }
}

package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import javax.security.auth.x500.X500Principal;
import org.jboss.logging.Logger;

/**
 * The roles of callers that show a certificate. Each line of the file names a role and, after a
 * space, the subject that has it, such as {@code admin CN=ops,O=Example} (RFC 2253); empty lines
 * and those that begin with {@code #} do not count.
 */
final class CertificateRoles {

  static final String FILE = "fullrank.authorization.certificate-roles-file";

  private static final Logger LOG = Logger.getLogger(CertificateRoles.class);

  private final Path file;
  private volatile Map<X500Principal, Set<Role>> roles;

  /**
   * Reads the file.
   *
   * @throws IllegalArgumentException naming the key, the file and the line that cannot be used
   */
  CertificateRoles(Path file) {
    this.file = file;
    read();
  }

  /** Returns the roles of a subject. */
  Set<Role> of(X500Principal subject) {
    return roles.getOrDefault(subject, Set.of());
  }

  /** Reads the file again; what cannot be used leaves the roles as they were. */
  void reload() {
    try {
      read();
    } catch (IllegalArgumentException unusable) {
      LOG.warnf("%s; what was read before is still used", unusable.getMessage());
    }
  }

  private void read() {
    Map<X500Principal, Set<Role>> found = new HashMap<>();
    List<String> lines = PemFile.text(FILE, file).lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (!line.isEmpty() && !line.startsWith("#")) {
        String[] parts = line.split("\\s+", 2);
        Role role =
            RoleName.parse(parts[0]).orElseThrow(badLine(i, "begins with no role", line, null));
        if (parts.length < 2) {
          throw badLine(i, "names no subject", line, null).get();
        }
        found
            .computeIfAbsent(subject(parts[1], i, line), any -> EnumSet.noneOf(Role.class))
            .add(role);
      }
    }
    roles = Map.copyOf(found);
  }

  private X500Principal subject(String name, int index, String line) {
    try {
      return new X500Principal(name);
    } catch (IllegalArgumentException malformed) {
      throw badLine(index, "names no subject", line, malformed).get();
    }
  }

  private Supplier<IllegalArgumentException> badLine(
      int index, String why, String line, Throwable cause) {
    return () ->
        PemFile.unusable(
            FILE,
            file,
            "line %d %s: '%s'; expected reader, submitter or admin, and a subject such as CN=ops"
                .formatted(index + 1, why, line),
            cause);
  }
}

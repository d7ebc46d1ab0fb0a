package io.fullrank.metrics.configuration;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The folder of the state stores. Its name is no secret, and where everybody may make files, as in
 * {@code /tmp}, somebody else may have made it, or a link that leads elsewhere, before the service.
 */
final class StateFolder {

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  private StateFolder() {}

  /**
   * Makes the folder for this user alone, if it is not there.
   *
   * @throws IOException if it cannot be made, or if it is there where everybody may make files but
   *     is not this user's own folder
   */
  static void makeOwn(Path folder) throws IOException {
    Path parent = folder.toAbsolutePath().normalize().getParent();
    if (parent == null) {
      return;
    }
    Files.createDirectories(parent);
    try {
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    } catch (FileAlreadyExistsException there) {
      if (Files.getPosixFilePermissions(parent).contains(PosixFilePermission.OTHERS_WRITE)) {
        requireOwn(folder);
      }
    }
  }

  private static void requireOwn(Path folder) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException("it is not a folder, and others could have made it");
    }
    if (Files.getPosixFilePermissions(folder).contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new IOException("others may write to it");
    }
    Path own = Files.createTempFile(folder, "owner-", null);
    try {
      if (!Files.getOwner(own).equals(Files.getOwner(folder))) {
        throw new IOException("it belongs to " + Files.getOwner(folder).getName());
      }
    } finally {
      Files.delete(own);
    }
  }
}

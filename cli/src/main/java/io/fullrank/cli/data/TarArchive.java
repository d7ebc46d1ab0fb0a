package io.fullrank.cli.data;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import io.fullrank.network.data.sample.FileDigest;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * A {@code .tar.gz} out of which known files are taken.
 *
 * @param root the folder in the archive that holds them
 */
record TarArchive(Path path, String root) {

  /** More than any file of a data set has. */
  private static final long MAX_FILE_BYTES = 1L << 30;

  /**
   * Unpacks the given files and nothing else; each gets its name only when it is complete and has
   * its digest. No name in the archive ever becomes a path.
   *
   * @throws ExecutionFailedException naming the archive, and what is missing, unsafe or damaged
   */
  void unpack(List<PublishedFile> files, Path folder) {
    List<PublishedFile> missing = new ArrayList<>(files);
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path));
        TarArchiveInputStream tar = new TarArchiveInputStream(new GZIPInputStream(in))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        requireSafe(entry);
        Optional<PublishedFile> wanted = wanted(entry, missing);
        if (wanted.isPresent()) {
          unpack(tar, entry, wanted.get(), folder);
          missing.remove(wanted.get());
        }
      }
    } catch (IOException e) {
      throw new ExecutionFailedException(
          "%s: cannot be unpacked: %s; delete it and download again"
              .formatted(path, e.getMessage()),
          e);
    }
    if (!missing.isEmpty()) {
      throw new ExecutionFailedException(
          "%s: holds no file %s/%s".formatted(path, root, missing.get(0).name()));
    }
  }

  private Optional<PublishedFile> wanted(TarArchiveEntry entry, List<PublishedFile> missing) {
    String name = entry.getName().startsWith("./") ? entry.getName().substring(2) : entry.getName();
    return missing.stream().filter(file -> name.equals(root + "/" + file.name())).findFirst();
  }

  /** An archive with such entries is no data set, whatever else it holds. */
  private void requireSafe(TarArchiveEntry entry) {
    String name = entry.getName();
    String problem =
        name.startsWith("/") || Arrays.asList(name.split("[/\\\\]")).contains("..")
            ? "leads out of its folder"
            : !isRegular(entry) && !entry.isDirectory()
                ? "is neither a file nor a folder"
                : entry.getSize() > MAX_FILE_BYTES ? "is larger than 1 GiB" : "";
    if (!problem.isEmpty()) {
      throw new ExecutionFailedException(
          "%s: the entry '%s' %s; nothing more is unpacked"
              .formatted(path, name.replaceAll("\\p{Cntrl}", "?"), problem));
    }
  }

  /** Unlike {@code entry.isFile()}, which is true of links and devices as well. */
  private static boolean isRegular(TarArchiveEntry entry) {
    return entry.getLinkFlag() == TarConstants.LF_NORMAL
        || entry.getLinkFlag() == TarConstants.LF_OLDNORM;
  }

  private void unpack(
      TarArchiveInputStream tar, TarArchiveEntry entry, PublishedFile file, Path folder)
      throws IOException {
    Path target = folder.resolve(file.name());
    Path part = folder.resolve(file.name() + ".part");
    try {
      Files.copy(tar, part, StandardCopyOption.REPLACE_EXISTING);
      if (!FileDigest.sha256(part).equals(file.sha256())) {
        throw new ExecutionFailedException(
            "%s: %s in it is not the published file".formatted(path, entry.getName()));
      }
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }
}

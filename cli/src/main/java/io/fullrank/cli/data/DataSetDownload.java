package io.fullrank.cli.data;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.terminal.DownloadProgress;
import io.fullrank.network.data.PublishedDataSet;
import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import io.fullrank.network.data.sample.FileDigest;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Brings the files of a data set to a folder. A file appears there under its name only when it is
 * complete and has the published digest.
 *
 * @param address of the folder on a web server that holds the files
 * @param folder exists
 */
record DataSetDownload(URI address, Path folder, DownloadProgress progress) {

  /**
   * Downloads what is missing.
   *
   * @throws ExecutionFailedException naming the address or file and what is wrong
   */
  void run(PublishedDataSet dataSet) throws InterruptedException {
    if (dataSet.archiveFolder().isEmpty()) {
      for (PublishedFile file : dataSet.downloads()) {
        fetch(file);
      }
      return;
    }
    if (dataSet.files().stream().allMatch(this::isThere)) {
      dataSet.files().forEach(file -> progress.isThere(file.name()));
      return;
    }
    for (PublishedFile archive : dataSet.downloads()) {
      fetch(archive);
      Path path = folder.resolve(archive.name());
      new TarArchive(path, dataSet.archiveFolder().get()).unpack(dataSet.files(), folder);
      try {
        Files.delete(path);
      } catch (IOException e) {
        throw new ExecutionFailedException(
            "%s: is unpacked, but cannot be deleted: %s".formatted(path, e.getMessage()), e);
      }
      dataSet.files().forEach(file -> progress.unpacked(file.name()));
    }
  }

  private void fetch(PublishedFile file) throws InterruptedException {
    if (isThere(file)) {
      progress.isThere(file.name());
    } else {
      new Download(address.resolve(file.name()), folder.resolve(file.name()), file.sha256())
          .run(progress);
    }
  }

  private boolean isThere(PublishedFile file) {
    Path path = folder.resolve(file.name());
    if (!Files.exists(path)) {
      return false;
    }
    if (!FileDigest.sha256(path).equals(file.sha256())) {
      throw new ExecutionFailedException(
          "%s: is there already, but is not the published file; move it away and try again"
              .formatted(path));
    }
    return true;
  }
}

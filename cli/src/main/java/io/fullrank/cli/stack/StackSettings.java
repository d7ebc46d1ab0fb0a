package io.fullrank.cli.stack;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.installation.Ports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a stack is started with.
 *
 * @param ports where it listens
 * @param data the folder that holds one folder per data set; without one, the services look into
 *     {@code data} in the current folder
 * @param work the folder for the logs and for the broker's data, made if it does not exist; without
 *     one, a new folder among the system's temporary ones
 * @param keepBroker whether the broker's data outlives the stack, so that the next one in this
 *     folder takes it up again; data that is there before always does
 */
public record StackSettings(
    Ports ports, Optional<Path> data, Optional<Path> work, boolean keepBroker) {

  /**
   * Makes the folders absolute.
   *
   * @throws BadInputException if the data folder does not exist
   */
  public StackSettings {
    data = data.map(StackSettings::requireDirectory);
    work = work.map(folder -> folder.toAbsolutePath().normalize());
  }

  private static Path requireDirectory(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(
          "--data %s: %s"
              .formatted(folder, Files.exists(folder) ? "not a directory" : "no such directory"));
    }
    return folder.toAbsolutePath().normalize();
  }
}

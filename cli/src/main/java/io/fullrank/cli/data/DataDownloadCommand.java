package io.fullrank.cli.data;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.network.data.DataFolder;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.PublishedDataSet;
import io.fullrank.network.data.sample.DataSetException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank data download}. */
@Command(
    name = "download",
    description = {
      "Downloads a data set to its folder, checks every file against the published SHA-256, and"
          + " unpacks archives.",
      "A download that was interrupted goes on where it stopped when the command is run again."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank data download mnist",
      "  fullrank data download cifar-10 --data ~/data",
      "  fullrank data download mnist --from https://mirror.example.org/mnist/",
      "",
      "Exit status: 0 if the data set is there, 1 if it could not be downloaded, 2 for unusable input."
    })
public final class DataDownloadCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(
      paramLabel = "NAME",
      description = "semeion, mnist, kmnist, fashion-mnist, cifar-10, cifar-100 or svhn.")
  private String name;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "Folder that holds one folder per data set (default: data); made if there is none.")
  private Path data = Path.of("data");

  @Option(
      names = "--from",
      paramLabel = "URL",
      description =
          "Folder on a web server that holds the same files, instead of the official one.")
  private URI from;

  public DataDownloadCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    PublishedDataSet dataSet = published();
    URI address = from == null ? dataSet.address() : folder(from);
    Path folder = data.resolve(dataSet.name());
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new ExecutionFailedException(
          "%s: cannot be made: %s".formatted(folder, e.getMessage()), e);
    }
    try {
      new DataSetDownload(address, folder, environment.downloadProgress()).run(dataSet);
      DataFolder downloaded =
          DataFolder.inspect(folder)
              .orElseThrow(() -> new IllegalStateException("no files in " + folder));
      if (!downloaded.problems().isEmpty()) {
        throw new ExecutionFailedException(downloaded.problems().get(0));
      }
      downloaded
          .identity()
          .map(DataListCommand::size)
          .ifPresent(size -> environment.out().printf("%s: %s%n", folder, size));
    } catch (DataSetException unreadable) {
      throw new ExecutionFailedException(unreadable.getMessage(), unreadable);
    }
    return ExitCode.OK;
  }

  private PublishedDataSet published() {
    if (name.equals(DataSets.STROKES)) {
      throw new BadInputException("strokes is generated; there is nothing to download");
    }
    Optional<PublishedDataSet> found =
        PublishedDataSet.all().stream().filter(each -> each.name().equals(name)).findFirst();
    return found.orElseThrow(
        () ->
            new BadInputException(
                "unknown data set '%s'; known are %s"
                    .formatted(
                        name,
                        PublishedDataSet.all().stream()
                            .map(PublishedDataSet::name)
                            .collect(Collectors.joining(", ")))));
  }

  /** Returns the address with a slash at its end, so that names of files can be appended. */
  private static URI folder(URI address) {
    String scheme = address.getScheme();
    if (address.getHost() == null || !("http".equals(scheme) || "https".equals(scheme))) {
      throw new BadInputException(
          "--from %s: expected an address such as https://mirror.example.org/mnist/"
              .formatted(address));
    }
    return address.getPath().endsWith("/") ? address : URI.create(address + "/");
  }
}

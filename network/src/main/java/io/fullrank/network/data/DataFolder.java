package io.fullrank.network.data;

import io.fullrank.network.data.PublishedDataSet.PublishedFile;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.FileDigest;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One folder of a data directory, looked at closely: which data set it holds, whether its files are
 * the published ones, and whether they can be read.
 *
 * @param directory the folder's name
 * @param dataSet the name of the data set whose files it holds
 * @param published which of its files are the published ones, by SHA-256
 * @param others which are not: they may be parts of the data set, or damaged
 * @param identity what an experiment with all rows would train on; absent if the files cannot be
 *     read
 * @param problems what is wrong, one line each; empty if nothing is
 */
public record DataFolder(
    String directory,
    String dataSet,
    List<String> published,
    List<String> others,
    Optional<DataSetIdentity> identity,
    List<String> problems) {

  /** Copies the lists. */
  public DataFolder {
    published = List.copyOf(published);
    others = List.copyOf(others);
    problems = List.copyOf(problems);
  }

  /**
   * Looks at every folder of a data directory. Reads all files of data sets.
   *
   * @return those that hold files of a data set, sorted by name
   * @throws DataSetException if the directory cannot be read
   */
  public static List<DataFolder> inspectAll(Path dataDirectory) {
    List<Path> folders;
    try (Stream<Path> entries = Files.list(dataDirectory)) {
      folders = entries.filter(Files::isDirectory).sorted().toList();
    } catch (IOException e) {
      throw new DataSetException(
          "%s: cannot be read: %s".formatted(dataDirectory, e.getMessage()), e);
    }
    return folders.stream().map(DataFolder::inspect).flatMap(Optional::stream).toList();
  }

  /**
   * Looks at one folder.
   *
   * @return empty if it holds no file that a data set has
   * @throws DataSetException if a file cannot be read at all
   */
  public static Optional<DataFolder> inspect(Path folder) {
    return inspect(folder, PublishedDataSet.all());
  }

  /** Does the same as {@link #inspect(Path)}, with other digests to compare with. */
  static Optional<DataFolder> inspect(Path folder, List<PublishedDataSet> all) {
    Map<String, String> digests = digests(folder, all);
    if (digests.isEmpty()) {
      return Optional.empty();
    }
    String directory = folder.getFileName().toString();
    PublishedDataSet expected = expected(directory, digests, all);
    List<String> published = new ArrayList<>();
    List<String> others = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    digests.forEach(
        (name, digest) -> {
          if (known(expected).anyMatch(file -> isSame(file, name, digest))) {
            published.add(name);
            return;
          }
          others.add(name);
          owner(name, digest, expected, all)
              .ifPresent(
                  owner ->
                      problems.add(
                          "%s: is %s, not %s of %s; get the file again"
                              .formatted(folder.resolve(name), owner, name, expected.name())));
        });
    if (!published.isEmpty() && problems.isEmpty()) {
      // Among published files, a file with another digest is more likely damaged than made by the
      // user.
      others.stream()
          .filter(name -> known(expected).anyMatch(file -> file.name().equals(plainName(name))))
          .map(
              name ->
                  "%s: is not the published file, though others beside it are; get the file again"
                      .formatted(folder.resolve(name)))
          .forEach(problems::add);
    }
    Optional<DataSetIdentity> identity = Optional.empty();
    try {
      identity = Optional.of(load(folder, expected.name()).identity());
    } catch (DataSetException unreadable) {
      problems.add(unreadable.getMessage());
    }
    return Optional.of(
        new DataFolder(directory, expected.name(), published, others, identity, problems));
  }

  /**
   * SHA-256 of every file in the folder, or in an archive's folder in it, that has a known name.
   */
  private static Map<String, String> digests(Path folder, List<PublishedDataSet> all) {
    Map<String, String> digests = new LinkedHashMap<>();
    for (PublishedDataSet dataSet : all) {
      names(dataSet)
          .filter(name -> !digests.containsKey(name) && Files.isRegularFile(folder.resolve(name)))
          .forEach(name -> digests.put(name, FileDigest.sha256(folder.resolve(name))));
    }
    return digests;
  }

  private static Stream<PublishedFile> known(PublishedDataSet dataSet) {
    return Stream.concat(dataSet.files().stream(), dataSet.otherForms().stream());
  }

  /** The names that the data set's files may have, gzipped files also after unpacking. */
  private static Stream<String> names(PublishedDataSet dataSet) {
    return known(dataSet)
        .map(PublishedFile::name)
        .flatMap(name -> Stream.of(name, name.replace(".gz", "")))
        .flatMap(name -> Stream.of(name, name.replace("-idx", ".idx")))
        .flatMap(
            name ->
                Stream.concat(
                    Stream.of(name),
                    dataSet.archiveFolder().stream().map(archive -> archive + "/" + name)));
  }

  private static boolean isSame(PublishedFile file, String name, String digest) {
    return file.sha256().equals(digest) && file.name().equals(plainName(name));
  }

  /** The name as it is published: without an archive's folder, with a hyphen before {@code idx}. */
  private static String plainName(String name) {
    return name.substring(name.lastIndexOf('/') + 1).replace(".idx", "-idx");
  }

  /** The data set that the folder is named after, else the one that most of its files are of. */
  private static PublishedDataSet expected(
      String directory, Map<String, String> digests, List<PublishedDataSet> all) {
    PublishedDataSet best = null;
    long most = -1;
    for (PublishedDataSet dataSet : all) {
      if (dataSet.name().equals(directory)) {
        return dataSet;
      }
      long score = 0;
      for (Map.Entry<String, String> file : digests.entrySet()) {
        boolean named = names(dataSet).anyMatch(file.getKey()::equals);
        boolean same =
            known(dataSet).anyMatch(each -> isSame(each, file.getKey(), file.getValue()));
        // The contents say more than any number of names.
        score += same ? 100 : named ? 1 : 0;
      }
      if (score > most) {
        most = score;
        best = dataSet;
      }
    }
    return Objects.requireNonNull(best);
  }

  /** Which other published file this is. */
  private static Optional<String> owner(
      String name, String digest, PublishedDataSet expected, List<PublishedDataSet> all) {
    for (PublishedDataSet dataSet : all) {
      for (PublishedFile file : known(dataSet).toList()) {
        if (file.sha256().equals(digest)
            && !(dataSet.equals(expected) && file.name().equals(plainName(name)))) {
          return Optional.of("%s of %s".formatted(file.name(), dataSet.name()));
        }
      }
    }
    return Optional.empty();
  }

  private static DataSet load(Path folder, String name) {
    DataSetSpec spec =
        DataSetSpec.newBuilder()
            .setName(name)
            .setDirectory(folder.getFileName().toString())
            .setTrainSize(DataSets.hasTestFile(name) ? 0 : 1)
            .build();
    return DataSets.load(spec, folder.toAbsolutePath().getParent());
  }
}

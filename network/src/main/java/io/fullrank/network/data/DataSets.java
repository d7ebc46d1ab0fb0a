package io.fullrank.network.data;

import io.fullrank.network.data.sample.ChannelStatistics;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.RandomLabels;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.data.sample.SplitMix64;
import io.fullrank.network.data.sample.SplitMix64.Purpose;
import io.fullrank.network.data.source.CifarFiles;
import io.fullrank.network.data.source.MnistFamily;
import io.fullrank.network.data.source.PictureSource;
import io.fullrank.network.data.source.SemeionFile;
import io.fullrank.network.data.source.Strokes;
import io.fullrank.network.data.source.SvhnFile;
import io.fullrank.proto.v1.DataSetSpec;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The data sets that experiments can name, and how each is loaded. */
public final class DataSets {

  /** The generated data set; it reads no files. */
  public static final String STROKES = "strokes";

  private static final String SEMEION = "semeion";
  private static final List<String> MNIST_FAMILY = List.of("mnist", "kmnist", "fashion-mnist");
  private static final String CIFAR_10 = "cifar-10";
  private static final String CIFAR_100 = "cifar-100";
  private static final String SVHN = "svhn";
  private static final List<String> NAMES =
      List.of(STROKES, SEMEION, "mnist", "kmnist", "fashion-mnist", CIFAR_10, CIFAR_100, SVHN);
  private static final Set<String> MIRRORED = Set.of("fashion-mnist", CIFAR_10, CIFAR_100);

  private DataSets() {}

  /** Returns the names that {@link DataSetSpec} may have. */
  public static List<String> names() {
    return NAMES;
  }

  /**
   * Returns whether a data set has test rows of its own, so that an experiment may train on all its
   * other rows.
   */
  public static boolean hasTestFile(String name) {
    return !name.equals(STROKES) && !name.equals(SEMEION);
  }

  /**
   * Returns whether the mirror image of a picture shows something of the same class: not so with
   * digits and characters.
   */
  public static boolean mayBeMirrored(String name) {
    return MIRRORED.contains(name);
  }

  /**
   * Loads a data set, in the same order of the same rows on every machine.
   *
   * <p>Training rows are drawn with the split seed. Test rows are drawn from the data set's own
   * test file where it has one, else from the rows that are left. A size of 0 takes all there are;
   * of {@code strokes}, whose rows never end, {@value Strokes#DEFAULT_TEST_ROWS} test rows.
   *
   * <p>Then, if the specification says so, labels of training rows are replaced ({@link
   * RandomLabels}) and all inputs standardised by mean and deviation of the training rows, channel
   * by channel.
   *
   * @param spec name, folder, sizes and split seed
   * @param dataDirectory holds one folder per data set; not looked at for {@code strokes}
   * @throws DataSetException when files are missing, damaged or hold too few rows
   */
  public static DataSet load(DataSetSpec spec, Path dataDirectory) {
    Rows rows = rows(spec, dataDirectory);
    Samples train =
        spec.hasLabelNoise()
            ? RandomLabels.replace(spec.getLabelNoise(), rows.classes(), rows.train())
            : rows.train();
    Rows labelled = new Rows(rows.classes(), train, rows.test());
    Rows scaled = spec.getStandardise() ? standardise(spec.getName(), labelled) : labelled;
    return DataSet.of(spec, scaled.classes(), scaled.train(), scaled.test());
  }

  /** The rows with every channel shifted and scaled by mean and deviation of the training rows. */
  static Rows standardise(String name, Rows rows) {
    List<ChannelStatistics> statistics = rows.train().statistics();
    for (int channel = 0; channel < statistics.size(); channel++) {
      if (!(statistics.get(channel).deviation() > 0)) {
        throw new DataSetException(
            ("%s: channel %d is the same in all training rows and cannot be standardised; leave out"
                    + " dataset.standardise")
                .formatted(name, channel));
      }
    }
    return new Rows(
        rows.classes(),
        rows.train().standardised(statistics),
        rows.test().standardised(statistics));
  }

  /** Rows of a data set, such as its files have them. */
  record Rows(int classes, Samples train, Samples test) {}

  private static Rows rows(DataSetSpec spec, Path dataDirectory) {
    String name = spec.getName();
    if (name.equals(STROKES)) {
      return strokes(spec);
    }
    if (!NAMES.contains(name)) {
      throw new DataSetException(
          "unknown data set '%s'; known are %s".formatted(name, String.join(", ", NAMES)));
    }
    Path folder = folder(spec, dataDirectory);
    return switch (name) {
      case SEMEION -> semeion(spec, folder);
      case CIFAR_10 -> cifar(spec, folder, CifarFiles.Version.CIFAR_10);
      case CIFAR_100 -> cifar(spec, folder, CifarFiles.Version.CIFAR_100);
      case SVHN -> svhn(spec, folder);
      default -> mnistFamily(spec, folder);
    };
  }

  /**
   * What is wrong with a data set's folder name, if anything: it must stay below the data
   * directory.
   *
   * @param directory the folder as the experiment gives it
   */
  public static Optional<String> problemWithDirectory(String directory) {
    Path path;
    try {
      path = Path.of(directory);
    } catch (InvalidPathException e) {
      return Optional.of("is not the name of a folder");
    }
    if (path.isAbsolute() || directory.startsWith("/") || directory.contains("\\")) {
      return Optional.of("must be relative to the data directory, such as mnist-10k");
    }
    for (Path step : path) {
      if (step.toString().equals("..")) {
        return Optional.of("must not leave the data directory with '..'");
      }
    }
    return Optional.empty();
  }

  private static Rows strokes(DataSetSpec spec) {
    if (spec.getTrainSize() == 0) {
      throw new DataSetException("strokes: rows are generated without end; set the train size");
    }
    int test = spec.getTestSize() == 0 ? Strokes.DEFAULT_TEST_ROWS : spec.getTestSize();
    for (int rows : new int[] {spec.getTrainSize(), test}) {
      if (Integer.compareUnsigned(rows, Strokes.MAX_ROWS) > 0) {
        throw new DataSetException(
            "strokes: %s rows are more than the %d it generates"
                .formatted(Integer.toUnsignedString(rows), Strokes.MAX_ROWS));
      }
    }
    long seed = spec.getSplitSeed();
    return new Rows(
        Strokes.CLASSES, Strokes.train(seed, spec.getTrainSize()), Strokes.test(seed, test));
  }

  private static Rows semeion(DataSetSpec spec, Path folder) {
    Path file = folder.resolve(SemeionFile.NAME);
    if (!Files.exists(file)) {
      throw new DataSetException(
          "%s: no file %s; put the data set's file there".formatted(folder, SemeionFile.NAME));
    }
    Samples all = SemeionFile.read(file);
    long train = Integer.toUnsignedLong(spec.getTrainSize());
    long test = Integer.toUnsignedLong(spec.getTestSize());
    long needed = train == 0 ? all.rows() + 1L : train + Math.max(1, test);
    if (needed > all.rows()) {
      throw new DataSetException(
          "%s: %d rows, but the experiment asks for %s to train on and %s to test on"
              .formatted(
                  file, all.rows(), train == 0 ? "all" : train, test == 0 ? "at least 1" : test));
    }
    int[] order =
        SplitMix64.stream(spec.getSplitSeed(), Purpose.TRAIN_ROWS, 0).permutation(all.rows());
    int end = test == 0 ? all.rows() : (int) needed;
    return new Rows(
        SemeionFile.CLASSES,
        all.select(Arrays.copyOf(order, (int) train)),
        all.select(Arrays.copyOfRange(order, (int) train, end)));
  }

  private static Rows mnistFamily(DataSetSpec spec, Path folder) {
    PictureSource train = MnistFamily.open(folder, "train");
    PictureSource test = MnistFamily.open(folder, "t10k");
    if (!train.shape().equals(test.shape())) {
      throw new DataSetException(
          "%s: training images are %s, test images %s: the files do not belong together"
              .formatted(folder, train.shape(), test.shape()));
    }
    return new Rows(MnistFamily.CLASSES, train(spec, folder, train), test(spec, folder, test));
  }

  private static Rows cifar(DataSetSpec spec, Path folder, CifarFiles.Version version) {
    return new Rows(
        version.classes(),
        train(spec, folder, CifarFiles.train(version, folder)),
        test(spec, folder, CifarFiles.test(version, folder)));
  }

  private static Rows svhn(DataSetSpec spec, Path folder) {
    return new Rows(
        SvhnFile.CLASSES,
        train(spec, folder, SvhnFile.open(folder, SvhnFile.TRAIN)),
        test(spec, folder, SvhnFile.open(folder, SvhnFile.TEST)));
  }

  private static Samples train(DataSetSpec spec, Path folder, PictureSource source) {
    return draw(folder, source, spec.getTrainSize(), spec.getSplitSeed(), Purpose.TRAIN_ROWS);
  }

  private static Samples test(DataSetSpec spec, Path folder, PictureSource source) {
    return draw(folder, source, spec.getTestSize(), spec.getSplitSeed(), Purpose.TEST_ROWS);
  }

  private static Samples draw(
      Path folder, PictureSource source, int size, long seed, Purpose purpose) {
    if (Integer.compareUnsigned(size, source.rows()) > 0) {
      throw new DataSetException(
          "%s: %s hold%s %d rows, but the experiment asks for %s"
              .formatted(
                  folder,
                  source.name(),
                  source.name().endsWith("s") ? "" : "s",
                  source.rows(),
                  Integer.toUnsignedString(size)));
    }
    int[] order = SplitMix64.stream(seed, purpose, 0).permutation(source.rows());
    return source.read(size == 0 ? order : Arrays.copyOf(order, size));
  }

  private static Path folder(DataSetSpec spec, Path dataDirectory) {
    if (!Files.isDirectory(dataDirectory)) {
      throw new DataSetException(
          "%s: no such data directory; it must hold one folder per data set"
              .formatted(dataDirectory));
    }
    String name = spec.getDirectory().isEmpty() ? spec.getName() : spec.getDirectory();
    problemWithDirectory(name)
        .ifPresent(
            problem -> {
              throw new DataSetException("directory '%s' %s".formatted(name, problem));
            });
    Path folder = dataDirectory.resolve(name);
    if (!Files.isDirectory(folder)) {
      throw new DataSetException(
          "%s: no such folder for data set %s; put its files there or set the experiment's directory"
              .formatted(folder, spec.getName()));
    }
    return folder;
  }
}

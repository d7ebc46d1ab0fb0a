package io.fullrank.network.data;

import io.fullrank.network.data.source.CifarFiles;
import io.fullrank.network.data.source.SemeionFile;
import io.fullrank.network.data.source.SvhnFile;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * Where a data set is published, and how its files are told from others. This is the only place
 * that names addresses and digests.
 *
 * <p>The digests are those that public libraries check their downloads of the same files against;
 * none was computed here.
 *
 * @param name as experiments name it
 * @param address what the names of the downloads are appended to
 * @param downloads the files that lie there
 * @param archiveFolder where {@code downloads} is an archive: the folder in it that holds {@code
 *     files}
 * @param files what a folder of the data set holds
 * @param otherForms other forms of these files that are around, such as unpacked ones
 */
public record PublishedDataSet(
    String name,
    URI address,
    List<PublishedFile> downloads,
    Optional<String> archiveFolder,
    List<PublishedFile> files,
    List<PublishedFile> otherForms) {

  private static final List<PublishedDataSet> ALL =
      List.of(
          plain(
              "semeion",
              "https://archive.ics.uci.edu/ml/machine-learning-databases/semeion/",
              List.of(
                  file(
                      SemeionFile.NAME,
                      "f43228ae3da5ea6a3c95069d53450b86166770e3b719dcc333182128fe08d4b1")),
              List.of()),
          // The authors' own server no longer serves the files; this copy is PyTorch's.
          plain(
              "mnist",
              "https://ossci-datasets.s3.amazonaws.com/mnist/",
              idx(
                  ".gz",
                  "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                  "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
              idx(
                  "",
                  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2")),
          plain(
              "kmnist",
              "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
              idx(
                  ".gz",
                  "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                  "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                  "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                  "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
              List.of()),
          plain(
              "fashion-mnist",
              "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
              idx(
                  ".gz",
                  "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                  "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                  "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                  "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
              List.of()),
          archive(
              "cifar-10",
              file(
                  "cifar-10-binary.tar.gz",
                  "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
              CifarFiles.Version.CIFAR_10,
              file(
                  "data_batch_1.bin",
                  "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
              file(
                  "data_batch_2.bin",
                  "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
              file(
                  "data_batch_3.bin",
                  "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
              file(
                  "data_batch_4.bin",
                  "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
              file(
                  "data_batch_5.bin",
                  "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
              file(
                  "test_batch.bin",
                  "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b")),
          archive(
              "cifar-100",
              file(
                  "cifar-100-binary.tar.gz",
                  "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
              CifarFiles.Version.CIFAR_100,
              file("train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"),
              file("test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a")),
          plain(
              "svhn",
              "http://ufldl.stanford.edu/housenumbers/",
              List.of(
                  file(
                      SvhnFile.TRAIN,
                      "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
                  file(
                      SvhnFile.TEST,
                      "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b")),
              List.of()));

  /**
   * A file that is published and has the same contents everywhere.
   *
   * @param name in the data set's folder
   * @param sha256 64 hexadecimal digits, lower case
   */
  public record PublishedFile(String name, String sha256) {}

  /** Copies the lists. */
  public PublishedDataSet {
    downloads = List.copyOf(downloads);
    files = List.copyOf(files);
    otherForms = List.copyOf(otherForms);
  }

  /** Returns all data sets that are published as files. */
  public static List<PublishedDataSet> all() {
    return ALL;
  }

  private static PublishedDataSet plain(
      String name, String address, List<PublishedFile> files, List<PublishedFile> otherForms) {
    return new PublishedDataSet(
        name, URI.create(address), files, Optional.empty(), files, otherForms);
  }

  private static PublishedDataSet archive(
      String name, PublishedFile archive, CifarFiles.Version version, PublishedFile... files) {
    return new PublishedDataSet(
        name,
        URI.create("https://www.cs.toronto.edu/~kriz/"),
        List.of(archive),
        Optional.of(version.archiveFolder()),
        List.of(files),
        List.of());
  }

  private static List<PublishedFile> idx(
      String ending, String trainImages, String trainLabels, String testImages, String testLabels) {
    return List.of(
        file("train-images-idx3-ubyte" + ending, trainImages),
        file("train-labels-idx1-ubyte" + ending, trainLabels),
        file("t10k-images-idx3-ubyte" + ending, testImages),
        file("t10k-labels-idx1-ubyte" + ending, testLabels));
  }

  private static PublishedFile file(String name, String sha256) {
    return new PublishedFile(name, sha256);
  }
}

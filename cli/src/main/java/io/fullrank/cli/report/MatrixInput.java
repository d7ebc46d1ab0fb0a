package io.fullrank.cli.report;

import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.file.SafetensorsFile;
import io.fullrank.certificate.file.SafetensorsFile.Tensor;
import io.fullrank.certificate.file.SafetensorsIndex;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.network.experiment.yaml.Spelling;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A matrix in a file, to be closed by the caller.
 *
 * @param tensor its name, if it has one
 * @param rows read when they are asked for, or all at once
 */
public record MatrixInput(Optional<String> tensor, StoredRows rows) implements AutoCloseable {

  private static final int NAMES_SHOWN = 10;
  private static final int LONGEST_NAME_SHOWN = 200;

  /**
   * Opens a matrix in an {@code .npy} file, a {@code .safetensors} file, or the {@code
   * .safetensors} files that an {@code .index.json} names; the names of the files tell them apart.
   *
   * @param tensor which one of a model; if absent, the only one that there is
   * @param appendOnes whether to append the column of ones that carries the bias
   * @throws BadInputException if there is no such matrix
   */
  public static MatrixInput open(Path file, Optional<String> tensor, boolean appendOnes) {
    try {
      String lower = file.toString().toLowerCase(Locale.ROOT);
      if (lower.endsWith(".safetensors")) {
        return openTensor(file, tensor, appendOnes);
      }
      if (lower.endsWith(".index.json")) {
        return openIndexed(file, tensor, appendOnes);
      }
      if (tensor.isPresent()) {
        throw new BadInputException(
            file + ": --tensor is for .safetensors files and their .index.json");
      }
      return new MatrixInput(Optional.empty(), NpyFile.open(file, appendOnes));
    } catch (InvalidMatrixFileException invalid) {
      throw new BadInputException(invalid.getMessage(), invalid);
    }
  }

  private static MatrixInput openTensor(Path file, Optional<String> tensor, boolean appendOnes) {
    SafetensorsFile tensors = SafetensorsFile.open(file);
    try {
      List<Tensor> matrices = tensors.tensors().stream().filter(Tensor::isMatrix).toList();
      String name =
          tensor
              .map(wanted -> existing(file, wanted, tensors.tensors(), matrices))
              .orElseGet(() -> only(file, matrices));
      return new MatrixInput(Optional.of(name), tensors.rows(name, appendOnes));
    } catch (RuntimeException | Error e) {
      tensors.close();
      throw e;
    }
  }

  private static MatrixInput openIndexed(Path file, Optional<String> tensor, boolean appendOnes) {
    SafetensorsIndex index = SafetensorsIndex.read(file);
    if (tensor.isPresent() && index.fileOf(tensor.get()).isPresent()) {
      return openTensor(index.fileOf(tensor.get()).get(), tensor, appendOnes);
    }
    List<Tensor> matrices = new ArrayList<>();
    for (Path shard : index.files()) {
      try (SafetensorsFile tensors = SafetensorsFile.open(shard)) {
        tensors.tensors().stream()
            .filter(each -> each.isMatrix() && index.fileOf(each.name()).equals(Optional.of(shard)))
            .forEach(matrices::add);
      }
    }
    if (tensor.isPresent()) {
      throw absent(file, tensor.get(), matrices);
    }
    String name = only(file, matrices);
    return openTensor(index.fileOf(name).orElseThrow(), Optional.of(name), appendOnes);
  }

  /**
   * Returns the SHA-256 of its entries as the file has them, without the column of ones: in their
   * own type, row by row and little-endian.
   *
   * @throws BadInputException if the file cannot be read
   */
  public String sha256() {
    try {
      return HexFormat.of().formatHex(rows.sha256());
    } catch (InvalidMatrixFileException invalid) {
      throw new BadInputException(invalid.getMessage(), invalid);
    }
  }

  @Override
  public void close() {
    rows.close();
  }

  private static String existing(
      Path file, String wanted, List<Tensor> tensors, List<Tensor> matrices) {
    if (tensors.stream().anyMatch(each -> each.name().equals(wanted))) {
      return wanted;
    }
    throw absent(file, wanted, matrices);
  }

  private static BadInputException absent(Path file, String wanted, List<Tensor> matrices) {
    List<String> names =
        matrices.stream()
            .map(Tensor::name)
            .filter(name -> name.length() <= LONGEST_NAME_SHOWN)
            .toList();
    return new BadInputException(
        file
            + ": has no tensor '"
            + wanted
            + "'; "
            + Spelling.nearest(wanted, names)
                .map(name -> "did you mean '" + printable(name) + "'?")
                .orElseGet(() -> "its matrices are " + listed(matrices)));
  }

  private static String only(Path file, List<Tensor> matrices) {
    if (matrices.isEmpty()) {
      throw new BadInputException(file + ": holds no matrix: no two-dimensional tensor of numbers");
    }
    if (matrices.size() > 1) {
      throw new BadInputException(
          "%s: holds %d matrices, choose one with --tensor: %s"
              .formatted(file, matrices.size(), listed(matrices)));
    }
    return matrices.get(0).name();
  }

  private static String listed(List<Tensor> matrices) {
    if (matrices.isEmpty()) {
      return "none";
    }
    String first =
        matrices.stream()
            .limit(NAMES_SHOWN)
            .map(
                each ->
                    "%s (%d × %d, %s)"
                        .formatted(
                            printable(each.name()),
                            each.shape().get(0),
                            each.shape().get(1),
                            each.type()))
            .collect(Collectors.joining(", "));
    int more = matrices.size() - NAMES_SHOWN;
    return more > 0 ? first + ", and " + more + " more" : first;
  }

  /** Returns a name from a file without what a terminal would take for commands. */
  static String printable(String name) {
    String shown =
        name.length() > LONGEST_NAME_SHOWN ? name.substring(0, LONGEST_NAME_SHOWN) + "…" : name;
    return shown.replaceAll("\\p{C}", "?");
  }
}

package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.kernel.FactoredJacobian;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.kernel.LayerJacobian;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.judgement.PiecewiseMatrix;
import io.fullrank.network.jacobian.ConvolutionGeometry;
import io.fullrank.network.jacobian.ConvolutionJacobian;
import io.fullrank.network.jacobian.NormLowerBound;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/** Reads the Jacobian that a program outside Fullrank sent by factors. Used once. */
final class ClientJacobian {

  private static final int LONGEST_NAME_QUOTED = 50;

  private final JacobianFactors factors;
  private final RunHeader header;
  private final int threads;

  /** What was allocated for the Jacobian. */
  private final List<Runnable> memory = new ArrayList<>();

  private double bytes;

  private ClientJacobian(JacobianFactors factors, RunHeader header, int threads) {
    this.factors = factors;
    this.header = header;
    this.threads = threads;
  }

  /**
   * Reads and checks the factors.
   *
   * @param header of the run
   * @param keptBytes native memory that is taken already
   * @throws NotCheckableException naming the first that does not fit
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if the Jacobian does not fit
   */
  static SnapshotJacobian of(
      JacobianFactors factors, RunHeader header, int threads, double keptBytes)
      throws NotCheckableException {
    ClientJacobian reader = new ClientJacobian(factors, header, threads);
    boolean read = false;
    try {
      SnapshotJacobian jacobian = reader.read(keptBytes);
      read = true;
      return jacobian;
    } finally {
      if (!read) {
        reader.free();
      }
    }
  }

  private void free() {
    memory.forEach(Runnable::run);
  }

  private SnapshotJacobian read(double keptBytes) throws NotCheckableException {
    if (factors.getLayersCount() == 0) {
      throw new NotCheckableException("the factors are of no layer; send those of at least one");
    }
    validate();
    List<Long> shape = factors.getLayers(0).getOutputGradients().getShapeList();
    int examples = shape.get(0).intValue();
    int outputs = shape.get(1).intValue();
    OptionalDouble lossGradientNorm = lossGradientNorm(examples, outputs);
    if (!Double.isFinite(factors.getLoss())) {
      throw new NotCheckableException(
          "the loss of the factors is %s; it must be finite".formatted(factors.getLoss()));
    }
    double norm = factors.getGradientNorm();
    if (!(norm >= 0 && Double.isFinite(norm))) {
      throw new NotCheckableException(
          "gradient_norm of the factors is %s; it must be finite and not negative".formatted(norm));
    }
    List<LayerJacobian> layers = new ArrayList<>();
    for (LayerFactors layer : factors.getLayersList()) {
      layers.add(
          layer.hasConvolution()
              ? convolution(layer, examples, outputs, keptBytes)
              : linear(layer, examples, outputs, keptBytes));
    }
    return new SnapshotJacobian(
        jacobian(examples, outputs, layers),
        factors.getLayersList().stream().map(LayerFactors::getLayer).toList(),
        header.getDataSet().getTrainRows(),
        factors.hasLoss() ? OptionalDouble.of(factors.getLoss()) : OptionalDouble.empty(),
        lossGradientNorm,
        factors.hasGradientNorm() ? OptionalDouble.of(norm) : OptionalDouble.empty(),
        false,
        "factors as computed by the client" + kinks(),
        bytes,
        this::free);
  }

  private String kinks() {
    boolean analytic = header.getSpec().getNetwork().getExternal().getAnalytic();
    return analytic
        ? ""
        : "; where the network has kinks, as with ReLU, this is about the gradient as computed, away"
            + " from them";
  }

  /** Checks all that is sent before any memory is taken. */
  private void validate() throws NotCheckableException {
    Set<String> names = new HashSet<>();
    for (LayerFactors layer : factors.getLayersList()) {
      String name = quoted(layer);
      if (layer.getLayer().isBlank()) {
        throw new NotCheckableException("a layer of the factors has no name");
      }
      if (!names.add(layer.getLayer())) {
        throw new NotCheckableException("%s is there twice".formatted(name));
      }
      int dimensions = layer.hasConvolution() ? 3 : 1;
      validate(name + ": inputs", layer.getInputs(), 1 + dimensions);
      validate(name + ": output_gradients", layer.getOutputGradients(), 2 + dimensions);
      List<Long> first = factors.getLayers(0).getOutputGradients().getShapeList();
      List<Long> gradients = layer.getOutputGradients().getShapeList();
      if (!gradients.subList(0, 2).equals(first.subList(0, 2))) {
        throw new NotCheckableException(
            "%s: output_gradients are of %d examples with %d outputs, those of the first layer of %d"
                    .formatted(name, gradients.get(0), gradients.get(1), first.get(0))
                + " with %d".formatted(first.get(1)));
      }
      if (!layer.getInputs().getShapeList().get(0).equals(first.get(0))) {
        throw new NotCheckableException(
            "%s: inputs are of %d examples, output_gradients of %d"
                .formatted(name, layer.getInputs().getShape(0), first.get(0)));
      }
      if (layer.hasConvolution()) {
        geometry(layer);
      }
    }
  }

  private static void validate(String what, Tensor tensor, int dimensions)
      throws NotCheckableException {
    List<Long> shape = tensor.getShapeList();
    if (shape.size() != dimensions || shape.stream().anyMatch(d -> d < 1)) {
      throw new NotCheckableException(
          "%s have shape %s, they must have %d dimensions of at least 1"
              .formatted(what, shape.stream().limit(10).toList(), dimensions));
    }
    try {
      Tensors.validate(tensor);
    } catch (WireFormatException | IllegalArgumentException invalid) {
      throw new NotCheckableException("%s: %s".formatted(what, invalid.getMessage()), invalid);
    }
  }

  private static String quoted(LayerFactors layer) {
    String name = layer.getLayer();
    return "layer '%s' of the factors"
        .formatted(name.substring(0, Math.min(name.length(), LONGEST_NAME_QUOTED)));
  }

  private static FactoredJacobian jacobian(int examples, int outputs, List<LayerJacobian> layers)
      throws NotCheckableException {
    try {
      return new FactoredJacobian(examples, outputs, layers);
    } catch (IllegalArgumentException invalid) {
      throw new NotCheckableException("the factors: " + invalid.getMessage(), invalid);
    }
  }

  private LayerJacobian linear(LayerFactors layer, int examples, int outputs, double keptBytes)
      throws NotCheckableException {
    take(
        layer,
        (double) layer.getInputs().getShape(1) * examples
            + (double) layer.getOutputGradients().getShape(2) * examples * outputs,
        keptBytes);
    return new KhatriRaoRows(
        layer.getLayer(),
        held(matrix(layer.getInputs(), examples)),
        layer.getBias(),
        held(matrix(layer.getOutputGradients(), (long) examples * outputs)));
  }

  private Matrix held(Matrix matrix) {
    memory.add(matrix::close);
    return matrix;
  }

  private LayerJacobian convolution(LayerFactors layer, int examples, int outputs, double keptBytes)
      throws NotCheckableException {
    ConvolutionGeometry geometry = geometry(layer);
    // While the rows are formed, what they are formed of is there, too.
    double factors = (double) examples * (geometry.inputs() + outputs * geometry.outputs());
    double rows = (double) examples * outputs * geometry.parameters();
    take(layer, rows, keptBytes + factors * Double.BYTES);
    ConvolutionJacobian computed = new ConvolutionJacobian(geometry, examples, outputs);
    memory.add(computed::close);
    try (Matrix inputs = matrix(layer.getInputs(), examples);
        Matrix gradients = matrix(layer.getOutputGradients(), examples)) {
      SingleBlasThread.during(
          () -> {
            RowTiles.forEach(
                threads,
                examples,
                1,
                (part, from, to) -> {
                  for (int i = from; i < to; i++) {
                    computed.setRows(i, row(inputs, i), row(gradients, i));
                  }
                });
            return computed;
          });
    }
    return new ExplicitRows(layer.getLayer(), computed);
  }

  private void take(LayerFactors layer, double numbers, double otherBytes) {
    bytes += numbers * Double.BYTES;
    NativeBytes.requireMemoryFor(bytes + otherBytes, "the Jacobian up to " + quoted(layer));
  }

  private static double[] row(Matrix matrix, int i) {
    double[] row = new double[Math.toIntExact(matrix.columns())];
    matrix.getRow(i, 0, row, 0, row.length);
    return row;
  }

  private static ConvolutionGeometry geometry(LayerFactors layer) throws NotCheckableException {
    try {
      return ConvolutionGeometry.of(layer);
    } catch (IllegalArgumentException invalid) {
      throw new NotCheckableException(
          "%s: %s".formatted(quoted(layer), invalid.getMessage()), invalid);
    }
  }

  private OptionalDouble lossGradientNorm(int examples, int outputs) throws NotCheckableException {
    if (!factors.hasLossGradients()) {
      return OptionalDouble.empty();
    }
    Tensor gradients = factors.getLossGradients();
    validate("loss_gradients", gradients, 2);
    if (!gradients.getShapeList().equals(List.of((long) examples, (long) outputs))) {
      throw new NotCheckableException(
          "loss_gradients have shape %s, the factors are of %d examples with %d outputs"
              .formatted(gradients.getShapeList(), examples, outputs));
    }
    NormLowerBound norm = new NormLowerBound();
    try (Matrix matrix = matrix(gradients, examples)) {
      for (int i = 0; i < examples; i++) {
        for (double number : row(matrix, i)) {
          if (!Double.isFinite(number)) {
            throw new NotCheckableException(
                "loss_gradients of example %d hold %s; they must be finite".formatted(i, number));
          }
          norm.add(number);
        }
      }
    }
    return OptionalDouble.of(norm.value());
  }

  /** Widens a validated tensor. */
  private static Matrix matrix(Tensor tensor, long rows) throws NotCheckableException {
    long numbers = tensor.getShapeList().stream().reduce(1L, (a, b) -> a * b);
    PiecewiseMatrix matrix =
        PiecewiseMatrix.allocate(tensor.getType(), rows, numbers / rows, false);
    try {
      for (ByteBuffer piece : tensor.getData().asReadOnlyByteBufferList()) {
        matrix.append(piece);
      }
      return matrix.complete();
    } catch (WireFormatException impossible) {
      matrix.close();
      throw new NotCheckableException(
          "the factors cannot be read: " + impossible.getMessage(), impossible);
    }
  }
}

package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.Requirements.invalid;
import static io.fullrank.trainer.ingest.Requirements.require;
import static io.fullrank.trainer.ingest.Requirements.requireText;

import com.google.protobuf.ByteString;
import io.fullrank.network.jacobian.ConvolutionGeometry;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Tensor;
import io.grpc.StatusException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Factors of a Jacobian whose tensors' data are yet to come, with shapes that fit each other and
 * the run.
 *
 * @param message as announced
 * @param bytes of each tensor that comes in pieces, in their order
 */
record AnnouncedFactors(JacobianFactors message, List<Long> bytes) {

  private static final int MAX_LAYERS = 1000;

  /** No factors. */
  static final AnnouncedFactors NONE =
      new AnnouncedFactors(JacobianFactors.getDefaultInstance(), List.of());

  private static final String FIELD = "snapshot.factors";

  /**
   * Takes an announcement.
   *
   * @param header of the run's attempt: how many outputs the network has, and if that is known how
   *     many training rows there are
   * @throws StatusException INVALID_ARGUMENT naming the field
   */
  static AnnouncedFactors of(JacobianFactors factors, RunHeader header) throws StatusException {
    require(
        factors.getLayersCount() >= 1 && factors.getLayersCount() <= MAX_LAYERS,
        "%s.layers: %d, must be 1 to %d".formatted(FIELD, factors.getLayersCount(), MAX_LAYERS));
    long outputs = Integer.toUnsignedLong(header.getSpec().getNetwork().getExternal().getOutputs());
    List<Long> first = factors.getLayers(0).getInputs().getShapeList();
    long examples = first.isEmpty() ? 0 : first.get(0);
    long rows = header.getDataSet().getTrainRows();
    require(
        examples >= 1 && (rows == 0 || Long.compareUnsigned(examples, rows) <= 0),
        "%s.layers[0].inputs: of %d examples, must be at least 1 and at most the training rows"
            .formatted(FIELD, examples));
    Set<String> names = new HashSet<>();
    List<Long> bytes = new ArrayList<>();
    for (int i = 0; i < factors.getLayersCount(); i++) {
      LayerFactors layer = factors.getLayers(i);
      String field = "%s.layers[%d]".formatted(FIELD, i);
      requireText(field + ".layer", layer.getLayer());
      require(
          !layer.getLayer().isBlank() && names.add(layer.getLayer()),
          field + ".layer: is missing, or the name of a layer before");
      int dimensions = layer.hasConvolution() ? 3 : 1;
      bytes.add(bytes(field + ".inputs", layer.getInputs(), List.of(examples), dimensions));
      bytes.add(
          bytes(
              field + ".output_gradients",
              layer.getOutputGradients(),
              List.of(examples, outputs),
              dimensions));
      requireGeometry(field, layer);
    }
    if (factors.hasLossGradients()) {
      requireLossGradients(factors.getLossGradients(), List.of(examples, outputs));
    }
    return new AnnouncedFactors(factors, List.copyOf(bytes));
  }

  /** Returns the factors with the data that has come, in the order of {@link #bytes}. */
  JacobianFactors with(Iterator<ByteString> data) {
    JacobianFactors.Builder complete = message.toBuilder();
    for (LayerFactors.Builder layer : complete.getLayersBuilderList()) {
      layer.getInputsBuilder().setData(data.next());
      layer.getOutputGradientsBuilder().setData(data.next());
    }
    return complete.build();
  }

  /** The bytes of a tensor whose shape has to begin in a certain way. */
  private static long bytes(String field, Tensor tensor, List<Long> beginning, int further)
      throws StatusException {
    require(tensor.getData().isEmpty(), field + ".data: must be left out, it comes in pieces");
    List<Long> shape = tensor.getShapeList();
    int dimensions = beginning.size() + further;
    require(
        shape.size() == dimensions
            && shape.subList(0, beginning.size()).equals(beginning)
            && shape.stream().allMatch(size -> size >= 1 && size <= Integer.MAX_VALUE),
        "%s.shape: %s, must have %d dimensions and begin with %s"
            .formatted(field, shape.stream().limit(10).toList(), dimensions, beginning));
    long bytes = IncomingSnapshot.elementBytes(field + ".type", tensor.getType());
    for (long size : shape) {
      bytes = Math.min(bytes * size, IncomingSnapshot.TOO_MANY_BYTES);
    }
    return bytes;
  }

  private static void requireGeometry(String field, LayerFactors layer) throws StatusException {
    if (!layer.hasConvolution()) {
      return;
    }
    try {
      var unused = ConvolutionGeometry.of(layer);
    } catch (IllegalArgumentException wrong) {
      throw invalid("%s.convolution: %s".formatted(field, wrong.getMessage()));
    }
  }

  private static void requireLossGradients(Tensor gradients, List<Long> shape)
      throws StatusException {
    String field = FIELD + ".loss_gradients";
    require(
        gradients.getShapeList().equals(shape),
        "%s.shape: %s, must be %s"
            .formatted(field, gradients.getShapeList().stream().limit(10).toList(), shape));
    try {
      Tensors.validate(gradients);
    } catch (WireFormatException malformed) {
      throw invalid(field + ": " + malformed.getMessage());
    }
  }
}

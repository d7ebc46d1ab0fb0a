package io.fullrank.network.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.ByteString;
import io.fullrank.network.Networks;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParametersTest {

  private final ParameterLayout layout = Networks.network(100, 2, 2, 3).layout();

  @Test
  void tensorsAndBackAreTheSameBits() {
    Parameters parameters = Networks.network(100, 2, 2, 3).initialParameters(5);
    List<Tensor> tensors = new ArrayList<>(parameters.toTensors());
    assertThat(tensors.get(0).getName()).isEqualTo("hidden.1.weight");
    assertThat(tensors.get(0).getShapeList()).containsExactly(2L, 3L);
    Collections.reverse(tensors);
    assertThat(Networks.values(Parameters.of(layout, tensors)))
        .containsExactly(Networks.values(parameters));
  }

  @Test
  void tensorsAreCopies() {
    Parameters parameters = Parameters.zeros(layout);
    List<Tensor> tensors = parameters.toTensors();
    parameters.values().put(0, 1);
    assertThat(Networks.values(Parameters.of(layout, tensors))).containsOnly(0);
  }

  @Test
  void outputTensorsAreTheLastTwo() {
    assertThat(Parameters.zeros(layout).outputToTensors().stream().map(Tensor::getName))
        .containsExactly("output.weight", "output.bias");
  }

  @Test
  void namesTheTensorThatIsWrong() {
    List<Tensor> right = Parameters.zeros(layout).toTensors();
    assertRefused(right.subList(0, 3), "tensor 'output.bias' is missing");
    assertRefused(replaced(right, 1, right.get(0)), "tensor 'hidden.1.weight' is there twice");
    assertRefused(
        replaced(right, 1, Tensors.of("hidden.1.bias", new long[] {2}, new float[2])),
        "tensor 'hidden.1.bias' has shape [2], the network needs [3]");
    assertRefused(
        replaced(right, 1, Tensors.of("hidden.1.bias", new long[] {3}, new double[3])),
        "tensor 'hidden.1.bias': float64 where at most float32 is expected");
    assertRefused(
        replaced(right, 1, right.get(1).toBuilder().setData(ByteString.EMPTY).build()),
        "tensor 'hidden.1.bias': shape [3] of DATA_TYPE_FLOAT32 asks for 12 bytes, there are 0");
    List<Tensor> more = new ArrayList<>(right);
    more.add(Tensors.of("hidden.2.bias", new long[] {1}, new float[1]));
    assertRefused(more, "the network has no parameter 'hidden.2.bias'");
  }

  private void assertRefused(List<Tensor> tensors, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Parameters.of(layout, tensors))
        .withMessage(message);
  }

  private static List<Tensor> replaced(List<Tensor> tensors, int index, Tensor by) {
    List<Tensor> copy = new ArrayList<>(tensors);
    copy.set(index, by);
    return copy;
  }

  @Test
  void findsTheFirstTensorThatIsNotFinite() {
    Parameters parameters = Parameters.zeros(layout);
    assertThat(parameters.firstNonFinite()).isEmpty();
    parameters.values().put(layout.length() - 1, Float.NaN);
    assertThat(parameters.firstNonFinite()).contains("output.bias");
    parameters.values().put(7, Float.NEGATIVE_INFINITY);
    assertThat(parameters.firstNonFinite()).contains("hidden.1.bias");
  }

  @Test
  void normOfALayerCoversWeightAndBias() {
    Parameters parameters = Parameters.zeros(layout);
    parameters.values().put(0, 3);
    parameters.values().put(6, 4);
    parameters.values().put(9, 100);
    assertThat(parameters.norm("hidden.1")).isCloseTo(5, within(1e-12));
    assertThat(parameters.norm("output")).isCloseTo(100, within(1e-12));
  }
}

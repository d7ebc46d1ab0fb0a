package io.fullrank.samediff;

import io.fullrank.client.Features;
import io.fullrank.client.RunDescription;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Loss;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A SameDiff network with a linear output layer, Φ·weight + bias, and its training set.
 *
 * @param graph the network, with a training configuration
 * @param features the variable that holds the last hidden layer's outputs, rows × m_H
 * @param weight the output layer's weight, m_H × K
 * @param bias the output layer's bias, K entries; empty for none
 * @param inputs the whole training set, n rows, by placeholders
 * @param labels the same rows' labels, n × K; one-hot for the cross-entropy
 * @param loss the mean cross-entropy, half the mean squared distance to the labels, or another
 */
public record SameDiffNetwork(
    SameDiff graph,
    String features,
    String weight,
    Optional<String> bias,
    Map<String, INDArray> inputs,
    INDArray labels,
    Loss loss) {

  private static final Set<String> ANALYTIC =
      Set.of(
          "matmul",
          "mmul",
          "tensormmul",
          "xw_plus_b",
          "biasadd",
          "add",
          "subtract",
          "multiply",
          "conv2d",
          "avgpool2d",
          "batchnorm",
          "reshape",
          "permute",
          "transpose",
          "softplus",
          "tanh",
          "sigmoid",
          "swish",
          "gelu",
          "precise_gelu",
          "erf",
          "exp",
          "identity",
          "square");
  private static final Set<String> NOT_ANALYTIC =
      Set.of(
          "relu",
          "relu6",
          "leakyrelu",
          "prelu",
          "elu",
          "selu",
          "thresholdedrelu",
          "hardtanh",
          "hard_sigmoid",
          "hardsigmoid",
          "maxpool2d",
          "maxpool3d",
          "abs",
          "max",
          "reduce_max",
          "maximum",
          "minimum",
          "clipbyvalue",
          "softsign",
          "dropout");

  /**
   * Checks that the graph has these variables and the training set these rows.
   *
   * @throws IllegalArgumentException naming what is missing or does not fit
   */
  public SameDiffNetwork {
    inputs = Map.copyOf(inputs);
    for (String name : variables(features, weight, bias)) {
      if (!graph.hasVariable(name)) {
        throw new IllegalArgumentException(
            "the graph has no variable '%s'; SameDiff.summary() lists those that there are"
                .formatted(name));
      }
    }
    for (String name : variables(weight, bias)) {
      if (graph.getVariable(name).getVariableType() != VariableType.VARIABLE) {
        throw new IllegalArgumentException(
            "variable '%s' is not trained; the output layer has to be".formatted(name));
      }
    }
    long[] head = graph.getVariable(weight).getArr().shape();
    if (head.length != 2 || labels.rank() != 2 || head[1] != labels.size(1)) {
      throw new IllegalArgumentException(
          "weight '%s' has shape %s and the labels %s; they have to be m_H × K and n × K"
              .formatted(weight, Arrays.toString(head), Arrays.toString(labels.shape())));
    }
    if (loss == Loss.LOSS_CROSS_ENTROPY && !areOneHot(labels)) {
      throw new IllegalArgumentException(
          "the labels are not one-hot, one 1 and otherwise 0 in each row, so that the infimum of their"
              + " cross-entropy is not 0; give LOSS_EXTERNAL as the loss, of which nothing is stated");
    }
    inputs.forEach(
        (name, rows) -> {
          if (rows.size(0) != labels.size(0)) {
            throw new IllegalArgumentException(
                "input '%s' has %d rows, the labels have %d"
                    .formatted(name, rows.size(0), labels.size(0)));
          }
        });
  }

  /** Returns n. */
  public long rows() {
    return labels.size(0);
  }

  /**
   * Returns the description of a base run by what the graph says: network, optimiser, loss, n and
   * versions.
   *
   * @param experiment the experiment's name, see {@link RunDescription#of}
   * @param seed of the run
   * @param dataSet the data set's name
   */
  public RunDescription describe(String experiment, long seed, String dataSet) {
    long[] head = array(weight).shape();
    ExternalNetwork.Builder network =
        ExternalNetwork.newBuilder()
            .setFramework("nd4j " + version())
            .setModel("SameDiff")
            .setLastHiddenWidth(Math.toIntExact(head[0]))
            .setOutputs(Math.toIntExact(head[1]));
    for (String parameter : parameters()) {
      network.addLayers(
          ExternalLayer.newBuilder()
              .setName(parameter)
              .setKind("parameter " + Arrays.toString(array(parameter).shape()))
              .setParameters(array(parameter).length()));
    }
    Set<String> operators = hiddenOperators();
    List<String> notAnalytic = operators.stream().filter(NOT_ANALYTIC::contains).toList();
    network.addAllOperatorsNotAnalytic(notAnalytic);
    if (!notAnalytic.isEmpty()) {
      network.setAnalytic(false);
    } else if (ANALYTIC.containsAll(operators)) {
      network.setAnalytic(true);
    }
    IUpdater updater = graph.getTrainingConfig().getUpdater();
    ExternalAlgorithm algorithm =
        ExternalAlgorithm.newBuilder()
            .setName(solver())
            .putSettings("settings", updater.toString())
            .build();
    return RunDescription.of(experiment, seed, network.build(), algorithm)
        .loss(loss)
        .dataSet(
            DataSetIdentity.newBuilder()
                .setName(dataSet)
                .setTrainRows(rows())
                .setInputs(
                    Math.toIntExact(
                        inputs.values().stream().mapToLong(INDArray::length).sum() / rows()))
                .setClasses(Math.toIntExact(head[1]))
                .build())
        .version("nd4j", version());
  }

  /**
   * Computes the features of the whole training set, at the parameters as they are. An array of
   * half precision is widened, which changes nothing.
   */
  public Features computeFeatures() {
    INDArray computed = graph.output(inputs, features).get(features);
    if (computed.rank() != 2
        || computed.size(0) != rows()
        || computed.size(1) != array(weight).size(0)) {
      throw new IllegalArgumentException(
          "variable '%s' has shape %s, the features of this network are %d × %d"
              .formatted(
                  features, Arrays.toString(computed.shape()), rows(), array(weight).size(0)));
    }
    int rows = Math.toIntExact(computed.size(0));
    int columns = Math.toIntExact(computed.size(1));
    return computed.dataType() == DataType.DOUBLE
        ? Features.of(entries(computed), rows, columns)
        : Features.of(computed.castTo(DataType.FLOAT).dup('c').data().asFloat(), rows, columns);
  }

  /**
   * Returns an upper bound on the exact loss of the output layer as it is, on the features as
   * computed; positive infinity for a loss of which no guarantee is known.
   */
  double lossUpperBound() {
    INDArray computed = graph.output(inputs, features).get(features);
    int width = Math.toIntExact(array(weight).size(1));
    double[] offsets = bias.map(name -> entries(array(name))).orElse(new double[width]);
    return new OutputLoss(entries(array(weight)), offsets, loss)
        .upperBound(entries(computed), entries(labels));
  }

  /**
   * Returns the mean loss of the output layer as it is on a mini-batch; empty for a loss that is
   * not known, or without one-hot labels.
   *
   * @param computed the batch's features, rows × m_H
   */
  OptionalDouble lossOn(INDArray computed, MultiDataSet batch) {
    if (batch.numLabelsArrays() != 1
        || !Arrays.equals(batch.getLabels(0).shape(), new long[] {computed.size(0), labels.size(1)})
        || (loss == Loss.LOSS_CROSS_ENTROPY && !areOneHot(batch.getLabels(0)))) {
      return OptionalDouble.empty();
    }
    INDArray outputs = computed.mmul(array(weight));
    bias.ifPresent(name -> outputs.addiRowVector(array(name)));
    double value =
        OutputLoss.ofOutputs(
            entries(outputs), entries(batch.getLabels(0)), Math.toIntExact(labels.size(1)), loss);
    return Double.isInfinite(value) ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /** Returns the names of all parameters that are trained, those of the output layer last. */
  List<String> parameters() {
    List<String> head = variables(weight, bias);
    return Stream.concat(hiddenParameters().stream(), head.stream()).toList();
  }

  /**
   * Returns the names of the parameters that are trained in phase 1 alone, as they follow each
   * other from the input to the features, then those that the features do not depend on.
   */
  List<String> hiddenParameters() {
    List<String> names = new ArrayList<>();
    for (SDVariable variable : behindFeatures()) {
      if (isHiddenParameter(variable)) {
        names.add(0, variable.name());
      }
    }
    graph.variables().stream()
        .filter(this::isHiddenParameter)
        .map(SDVariable::name)
        .filter(name -> !names.contains(name))
        .sorted()
        .forEach(names::add);
    return names;
  }

  /** Returns a parameter's array, which training changes. */
  INDArray array(String parameter) {
    return graph.getVariable(parameter).getArr();
  }

  /** Returns the optimiser's name. */
  String solver() {
    return graph.getTrainingConfig().getUpdater().getClass().getSimpleName();
  }

  private boolean isHiddenParameter(SDVariable variable) {
    return variable.getVariableType() == VariableType.VARIABLE
        && !variables(weight, bias).contains(variable.name());
  }

  private Set<String> hiddenOperators() {
    Set<String> operators = new TreeSet<>();
    for (SDVariable variable : behindFeatures()) {
      DifferentialFunction operator = graph.getVariableOutputOp(variable.name());
      if (operator != null) {
        operators.add(operator.opName());
      }
    }
    return operators;
  }

  /** Returns the features and all that they are computed from, the nearest first. */
  private List<SDVariable> behindFeatures() {
    Map<String, SDVariable> found = new LinkedHashMap<>();
    Deque<SDVariable> open = new ArrayDeque<>(List.of(graph.getVariable(features)));
    while (!open.isEmpty()) {
      SDVariable variable = open.remove();
      DifferentialFunction operator = graph.getVariableOutputOp(variable.name());
      if (found.putIfAbsent(variable.name(), variable) == null && operator != null) {
        open.addAll(List.of(operator.args()));
      }
    }
    return List.copyOf(found.values());
  }

  private static String version() {
    return Optional.ofNullable(Nd4j.class.getPackage().getImplementationVersion()).orElse("?");
  }

  private static boolean areOneHot(INDArray labels) {
    double[] entries = entries(labels);
    int classes = Math.toIntExact(labels.size(1));
    for (int row = 0; row < entries.length; row += classes) {
      int ones = 0;
      for (int k = 0; k < classes; k++) {
        double entry = entries[row + k];
        if (entry != 0 && entry != 1) {
          return false;
        }
        ones += entry == 1 ? 1 : 0;
      }
      if (ones != 1) {
        return false;
      }
    }
    return true;
  }

  // Row-major, whatever the array's own order and strides.
  private static double[] entries(INDArray array) {
    return array.dup('c').data().asDouble();
  }

  private static List<String> variables(String weight, Optional<String> bias) {
    return bias.map(name -> List.of(weight, name)).orElse(List.of(weight));
  }

  private static List<String> variables(String features, String weight, Optional<String> bias) {
    return Stream.concat(Stream.of(features), variables(weight, bias).stream()).toList();
  }
}

package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.jacobian.JacobianLayers;
import io.fullrank.network.jacobian.LossAtOutputs;
import io.fullrank.network.jacobian.LossGradientNorm;
import io.fullrank.network.jacobian.OutputJacobian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.TangentKernelParameters;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Computes the Jacobian of a snapshot of Fullrank's own trainer from its weights and data. */
final class RecomputedJacobian {

  /** Rows that are certified where the experiment does not say how many examples to take. */
  static final int MOST_ROWS = 10_000;

  private static final String KINKS =
      "the activation has kinks, so this is about the gradient as computed, away from them";

  private static final String FIXED_STATISTICS =
      "this is about the network as it is evaluated, with batch normalisation by fixed statistics";

  private RecomputedJacobian() {}

  /**
   * Computes the Jacobian of the outputs for the run's training examples, or for as many as the
   * experiment asks for, or as {@link #MOST_ROWS} allow, spread evenly.
   *
   * @param keptBytes native memory that is taken already
   * @throws NotCheckableException if data, network and weights do not fit together, or the network
   *     lacks a layer that is asked for
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if the Jacobian does not
   *     fit; before anything is computed
   */
  static SnapshotJacobian of(SnapshotUnderCheck snapshot, double keptBytes)
      throws NotCheckableException {
    ExperimentSpec spec = snapshot.message().getHeader().getSpec();
    Loss loss = spec.getLoss();
    if (loss != Loss.LOSS_CROSS_ENTROPY && loss != Loss.LOSS_SQUARED) {
      throw new NotCheckableException("the run names no loss that can be computed here");
    }
    TangentKernelParameters asked = spec.getChecks().getTangentKernel();
    Network network = snapshot.network();
    Parameters parameters = snapshot.parameters();
    Samples all = snapshot.data().train();
    Samples samples = spread(all, examples(asked, network, all.rows()));
    JacobianLayers layers = layers(asked, network, samples.rows());
    double bytes = layers.bytes(samples.rows(), network.classes());
    NativeBytes.requireMemoryFor(
        keptBytes + bytes,
        "the Jacobian of %d outputs of %d examples in %d parameters"
            .formatted(network.classes(), samples.rows(), layers.parameters()));
    double gradientNorm = LossGradientNorm.measure(network, parameters, samples, loss, layers);
    OutputJacobian computed = OutputJacobian.compute(network, parameters, samples, layers);
    LossAtOutputs atOutputs = LossAtOutputs.of(computed.outputs(), samples.labels(), loss);
    return new SnapshotJacobian(
        computed.jacobian(),
        layers.names(),
        all.rows(),
        OptionalDouble.of(atOutputs.mean()),
        OptionalDouble.of(atOutputs.gradientNormLowerBound()),
        OptionalDouble.of(gradientNorm),
        loss == Loss.LOSS_SQUARED,
        caveat(network),
        bytes,
        computed::close);
  }

  private static String caveat(Network network) {
    boolean hasStatistics = network.layout().totalLength() > network.layout().length();
    return Stream.of(hasStatistics ? FIXED_STATISTICS : "", network.analytic() ? "" : KINKS)
        .filter(words -> !words.isEmpty())
        .collect(Collectors.joining("; "));
  }

  private static int examples(TangentKernelParameters asked, Network network, int rows) {
    // A number above 2^31 - 1 is a negative int.
    long wanted = Integer.toUnsignedLong(asked.getExamples());
    return (int) Math.min(rows, wanted == 0 ? Math.max(1, MOST_ROWS / network.classes()) : wanted);
  }

  private static Samples spread(Samples all, int count) {
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      rows[i] = (int) ((long) i * all.rows() / count);
    }
    return count == all.rows() ? all : all.select(rows);
  }

  private static JacobianLayers layers(TangentKernelParameters asked, Network network, int examples)
      throws NotCheckableException {
    try {
      return asked.getLayersCount() == 0
          ? JacobianLayers.cheapest(network, examples)
          : JacobianLayers.named(network, asked.getLayersList());
    } catch (IllegalArgumentException unknown) {
      throw new NotCheckableException(unknown.getMessage(), unknown);
    }
  }
}

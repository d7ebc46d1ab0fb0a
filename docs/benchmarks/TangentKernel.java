import com.sun.management.OperatingSystemMXBean;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.kernel.FactoredJacobian;
import io.fullrank.certificate.kernel.GramProof;
import io.fullrank.certificate.kernel.JacobianProof;
import io.fullrank.certificate.kernel.KernelCarryOver;
import io.fullrank.certificate.kernel.KernelCertification;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.kernel.LayerJacobian;
import io.fullrank.certificate.kernel.SketchedRank;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Measures certificates of the tangent kernel of a fully-connected softplus network with two hidden
 * layers, random weights and random inputs, all layers:
 *
 * <p>java -cp CLASSPATH docs/benchmarks/TangentKernel.java EXAMPLES OUTPUTS INPUTS WIDTH METHOD
 *
 * <p>where METHOD is cholesky (and then the carry-over to weights that are 10^-9 away) or primes.
 */
public class TangentKernel {

  public static void main(String[] args) throws Exception {
    int n = Integer.parseInt(args[0]);
    int outputs = Integer.parseInt(args[1]);
    int[] sizes = {
      Integer.parseInt(args[2]), Integer.parseInt(args[3]), Integer.parseInt(args[3]), outputs
    };
    int threads = Runtime.getRuntime().availableProcessors();
    OpenBlas algebra = new OpenBlas(threads);
    JacobianProof method = args[4].equals("primes") ? new SketchedRank() : new GramProof();
    FactoredJacobian jacobian = jacobian(n, sizes, 0);
    System.out.printf(
        "%d examples x %d outputs = %d rows, %d parameters, %d threads%n",
        n, outputs, jacobian.rows(), jacobian.columns(), threads);
    long start = System.nanoTime();
    double processor = processorSeconds();
    Map<String, Double> ends = new ConcurrentHashMap<>();
    Certificate certificate =
        new KernelCertification(algebra, method)
            .certify(
                jacobian,
                (stage, done, all) -> ends.put(stage, processorSeconds()),
                Cancellation.NEVER);
    System.out.printf(
        "%.2f s, %.2f s of processors: %s%n",
        (System.nanoTime() - start) / 1e9, processorSeconds() - processor, certificate);
    ends.forEach(
        (stage, end) ->
            System.out.printf("%s ended after %.2f s of processors%n", stage, end - processor));
    if (KernelCarryOver.from(jacobian, certificate).isPresent()) {
      FactoredJacobian moved = jacobian(n, sizes, 1e-9);
      start = System.nanoTime();
      System.out.println(
          KernelCarryOver.from(jacobian, certificate).get().certify(moved, 0, threads));
      System.out.printf("carry-over: %.3f s%n", (System.nanoTime() - start) / 1e9);
    }
    Path status = Path.of("/proc/self/status");
    if (Files.exists(status)) {
      Files.lines(status).filter(line -> line.startsWith("VmHWM")).forEach(System.out::println);
    }
  }

  private static double processorSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        / 1e9;
  }

  /** Returns the Jacobian of all layers' weights and biases; {@code step} moves the weights. */
  private static FactoredJacobian jacobian(int n, int[] sizes, double step) {
    SplittableRandom random = new SplittableRandom(1);
    SplittableRandom moves = new SplittableRandom(2);
    int layers = sizes.length - 1;
    int outputs = sizes[layers];
    double[][][] weights = new double[layers][][];
    for (int l = 0; l < layers; l++) {
      weights[l] = new double[sizes[l + 1]][sizes[l]];
      for (double[] row : weights[l]) {
        for (int j = 0; j < row.length; j++) {
          row[j] = (float) (random.nextGaussian() * Math.sqrt(2.0 / row.length));
          row[j] += step * moves.nextGaussian();
        }
      }
    }
    List<Matrix> inputs = new ArrayList<>();
    List<Matrix> gradients = new ArrayList<>();
    for (int l = 0; l < layers; l++) {
      inputs.add(Matrix.allocate(n, sizes[l]));
      gradients.add(Matrix.allocate((long) n * outputs, sizes[l + 1]));
    }
    for (int i = 0; i < n; i++) {
      double[] a = new double[sizes[0]];
      for (int j = 0; j < a.length; j++) {
        a[j] = random.nextDouble() < 0.3 ? 1 : 0;
      }
      double[][] slopes = new double[layers][];
      for (int l = 0; l < layers; l++) {
        inputs.get(l).setRow(i, 0, a, 0, a.length);
        double[] next = new double[sizes[l + 1]];
        slopes[l] = new double[next.length];
        for (int k = 0; k < next.length; k++) {
          for (int j = 0; j < a.length; j++) {
            next[k] += weights[l][k][j] * a[j];
          }
          double e = Math.exp(-Math.abs(100 * next[k]));
          slopes[l][k] = next[k] > 0 ? 1 / (1 + e) : e / (1 + e);
          next[k] = Math.max(next[k], 0) + Math.log1p(e) / 100;
        }
        a = next;
      }
      for (int k = 0; k < outputs; k++) {
        double[] delta = new double[outputs];
        delta[k] = 1;
        for (int l = layers - 1; l >= 0; l--) {
          gradients.get(l).setRow((long) i * outputs + k, 0, delta, 0, delta.length);
          if (l > 0) {
            double[] before = new double[sizes[l]];
            for (int j = 0; j < before.length; j++) {
              for (int q = 0; q < delta.length; q++) {
                before[j] += weights[l][q][j] * delta[q];
              }
              before[j] *= slopes[l - 1][j];
            }
            delta = before;
          }
        }
      }
    }
    List<LayerJacobian> parts = new ArrayList<>();
    for (int l = 0; l < layers; l++) {
      parts.add(new KhatriRaoRows("layer" + (l + 1), inputs.get(l), true, gradients.get(l)));
    }
    return new FactoredJacobian(n, outputs, parts);
  }
}

import com.google.protobuf.ByteString;
import com.sun.management.OperatingSystemMXBean;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.kernel.KernelCertification;
import io.fullrank.certificate.kernel.SketchedRank;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Progress;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.jacobian.JacobianLayers;
import io.fullrank.network.jacobian.OutputJacobian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.TrainingObserver;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.network.training.TrainingSnapshot;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Supplier;

/**
 * Measures what each check of a snapshot takes beside one epoch of training of the same network:
 *
 * <p>java -cp CLASSPATH docs/benchmarks/CheckCost.java DATA EXPERIMENT…
 *
 * <p>Prints the experiment, what was measured, the seconds of processors, and what came of it,
 * separated by tabs. Everything is done twice, or once where that takes {@value #ENOUGH} seconds or
 * more, and the least time counts. CLASSPATH holds the checker.
 */
public class CheckCost {

  private static final int REPETITIONS = 2;
  private static final double ENOUGH = 10;
  private static final long KEPT_BYTES = 1L << 32;

  private static double gramSeconds;

  /** A step that is measured, with a word on its outcome. */
  private interface Work {
    String run() throws Exception;
  }

  /** The snapshot after an epoch; features are computed whenever a check asks for them. */
  private record Trained(Snapshot message, DataSet data, Network network, Parameters parameters)
      implements SnapshotUnderCheck {
    @Override
    public boolean isExternal() {
      return false;
    }

    @Override
    public Matrix features() {
      return Features.compute(network, parameters, data.train());
    }

    @Override
    public ByteString featuresSha256() {
      return ByteString.EMPTY;
    }
  }

  public static void main(String[] args) throws Exception {
    for (int i = 1; i < args.length; i++) {
      measure(Path.of(args[i]), Path.of(args[0]));
    }
  }

  private static void measure(Path file, Path folder) throws Exception {
    ExperimentSpec spec = ExperimentFile.read(file, List.of("epochs=1"));
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    TrainingRun run = new TrainingRun(spec, Variant.VARIANT_BASE, 1, data);
    Snapshot.Builder last = Snapshot.newBuilder();
    String name = spec.getName();
    time(name, "epoch", () -> run.train(observer(last)).getState().toString());
    last.getHeaderBuilder()
        .setRun("run")
        .setAttempt(1)
        .setSpec(spec)
        .setVariant(Variant.VARIANT_BASE)
        .setSeed(1)
        .setDataSet(data.identity());
    int classes = data.identity().getClasses();
    Network network = Network.of(spec.getNetwork(), data.train().shape(), classes);
    Trained trained =
        new Trained(
            last.build(),
            data,
            network,
            Parameters.of(network.layout(), last.getWeightsList()));
    int threads = Runtime.getRuntime().availableProcessors();
    DenseLinearAlgebra algebra = timingGrams(new OpenBlas(threads));
    for (ServiceLoader.Provider<CheckFactory> factory :
        ServiceLoader.load(CheckFactory.class).stream().toList()) {
      CheckResources forgetting = new CheckResources(algebra, threads, 0, 0.5, false);
      SnapshotCheck check = factory.get().create(forgetting);
      time(name, check.name(), () -> outcome(check, trained));
      if (check.name().equals(ChosenChecks.TANGENT_KERNEL)) {
        CheckResources keeping = new CheckResources(algebra, threads, KEPT_BYTES, 0.5, false);
        SnapshotCheck again = factory.get().create(keeping);
        again.check(trained);
        time(name, "tangent-kernel, carried over", () -> outcome(again, trained));
        measureKernel(name, trained, algebra);
      }
    }
  }

  private static void measureKernel(String name, Trained trained, DenseLinearAlgebra algebra)
      throws Exception {
    Samples all = trained.data.train();
    int asked = trained.message.getHeader().getSpec().getChecks().getTangentKernel().getExamples();
    int count = asked == 0 ? Math.min(all.rows(), 10_000 / trained.network.classes()) : asked;
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      rows[i] = (int) ((long) i * all.rows() / count);
    }
    Samples samples = all.select(rows);
    JacobianLayers layers = JacobianLayers.cheapest(trained.network, count);
    Supplier<OutputJacobian> factors =
        () -> OutputJacobian.compute(trained.network, trained.parameters, samples, layers);
    System.out.printf(
        "%s\tlayers\t%d\t%s%n", name, layers.parameters(), String.join(" ", layers.names()));
    time(
        name,
        "factors of the Jacobian",
        () -> {
          factors.get().close();
          return count + " examples";
        });
    System.out.printf("%s\tGram matrix from factors\t%.4f\t%n", name, gramSeconds);
    KernelCertification primes = new KernelCertification(algebra, new SketchedRank());
    time(
        name,
        "tangent-kernel, primes",
        () -> {
          try (OutputJacobian jacobian = factors.get()) {
            Certificate found =
                primes.certify(jacobian.jacobian(), Progress.NONE, Cancellation.NEVER);
            return found.outcome() + " " + found.method() + " " + found.rows() + " rows";
          }
        });
  }

  private static String outcome(SnapshotCheck check, Trained trained) {
    try {
      Verdict.Builder verdict = check.check(trained);
      String measures = verdict.getMeasuresCount() + " measures";
      return verdict.hasCertificate()
          ? "%s %s %d rows, %s"
              .formatted(
                  verdict.getCertificate().getOutcome(),
                  verdict.getCertificate().getMethod(),
                  verdict.getCertificate().getRows(),
                  measures)
          : measures;
    } catch (NotCheckableException reason) {
      return reason.getMessage();
    }
  }

  private static void time(String experiment, String what, Work work) throws Exception {
    double least = Double.POSITIVE_INFINITY;
    double all = 0;
    String outcome = "";
    for (int i = 0; i < REPETITIONS && all < ENOUGH; i++) {
      double start = processorSeconds();
      outcome = work.run();
      double seconds = processorSeconds() - start;
      least = Math.min(least, seconds);
      all += seconds;
    }
    System.out.printf("%s\t%s\t%.4f\t%s%n", experiment, what, least, outcome);
  }

  private static double processorSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        / 1e9;
  }

  /** The same, but the time of the Gram matrix that was formed last is kept. */
  private static DenseLinearAlgebra timingGrams(DenseLinearAlgebra algebra) {
    return (DenseLinearAlgebra)
        Proxy.newProxyInstance(
            CheckCost.class.getClassLoader(),
            new Class<?>[] {DenseLinearAlgebra.class},
            (proxy, method, arguments) -> {
              double start = processorSeconds();
              try {
                return method.invoke(algebra, arguments);
              } catch (InvocationTargetException failed) {
                throw failed.getCause();
              } finally {
                if (method.getName().equals("gram")) {
                  gramSeconds = processorSeconds() - start;
                }
              }
            });
  }

  /** Keeps the last snapshot, and hears nothing else. */
  private static TrainingObserver observer(Snapshot.Builder last) {
    return (TrainingObserver)
        Proxy.newProxyInstance(
            CheckCost.class.getClassLoader(),
            new Class<?>[] {TrainingObserver.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("snapshot")) {
                TrainingSnapshot snapshot = (TrainingSnapshot) arguments[0];
                last.setStep(snapshot.step()).clearWeights().addAllWeights(snapshot.weights());
              }
              return method.getReturnType() == boolean.class
                  ? Boolean.FALSE
                  : method.getReturnType() == List.class ? List.of() : null;
            });
  }
}

package io.fullrank.network.experiment;

import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever class with a descriptor a process needs first, it finds its registry whole. */
class RegistrationTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "activation.Softplus",
        "activation.Tanh",
        "activation.Sigmoid",
        "activation.Swish",
        "activation.Gelu",
        "activation.Relu",
        "activation.ActivationChoice",
        "algorithm.StochasticGradientDescent",
        "algorithm.AdaptiveMoments",
        "algorithm.RootMeanSquarePropagation",
        "algorithm.Algorithm",
        "algorithm.LearningRate",
        "architecture.FullyConnectedNetwork",
        "architecture.PreActivationNetwork",
        "architecture.OverparameterizedNetwork",
        "architecture.Architecture",
        "phase.BaseUpdatesPhase",
        "phase.SteepestDescent",
        "phase.NesterovDescent",
        "phase.MinimumNormPhase",
        "phase.Solver"
      })
  void anyClassMayComeFirst(String first) throws Exception {
    // Classes of this loader are initialised anew.
    try (URLClassLoader fresh =
        new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader())) {
      assertThatCode(
              () -> {
                Class.forName("io.fullrank.network." + first, true, fresh);
                for (String registry :
                    List.of(
                        "activation.Activations",
                        "algorithm.Algorithms",
                        "architecture.Architectures",
                        "phase.Solvers")) {
                  Class.forName("io.fullrank.network." + registry, true, fresh);
                }
              })
          .doesNotThrowAnyException();
    }
  }

  private static URL[] classPath() throws MalformedURLException {
    List<URL> urls = new ArrayList<>();
    for (String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(Path.of(element).toUri().toURL());
    }
    return urls.toArray(URL[]::new);
  }
}

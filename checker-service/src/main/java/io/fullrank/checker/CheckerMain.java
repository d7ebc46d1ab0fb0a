package io.fullrank.checker;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.BackendChoice;
import io.fullrank.checker.configuration.CheckerConfiguration;
import io.fullrank.service.runtime.ServiceStart;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.smallrye.config.SmallRyeConfig;
import java.util.List;

/** Starts the service if its configuration can work: exit status 2 and one line if not. */
@QuarkusMain
public final class CheckerMain {

  private CheckerMain() {}

  /**
   * Starts the service.
   *
   * @param arguments none are used
   */
  public static void main(String... arguments) {
    ServiceStart.run(
        "fullrank-checker",
        List.of(CheckerConfiguration.class, CheckerConfiguration.Data.class),
        CheckerMain::requireUsable,
        arguments);
  }

  private static void requireUsable(SmallRyeConfig configuration) {
    CheckerConfiguration checker = configuration.getConfigMapping(CheckerConfiguration.class);
    checker.requireUsable();
    if (checker.backend() == Backend.CUDA || checker.plugins().isPresent()) {
      // Whether they can be used depends on the machine and its files; the service makes its own.
      BackendChoice backend = CheckerConfiguration.chooseBackend(checker);
      if (checker.plugins().isPresent()) {
        var unused = CheckerProducers.checks(checker, backend.algebra());
      }
    } else {
      // Loads the native libraries, which takes too long for the event loop that makes the service.
      var unused = Backend.OPENBLAS.choose(checker.threads());
    }
  }
}

package io.fullrank.trainer;

import io.fullrank.service.runtime.ServiceStart;
import io.fullrank.trainer.configuration.TrainerConfiguration;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.util.List;

/** Starts the service if its configuration can work: exit status 2 and one line if not. */
@QuarkusMain
public final class TrainerMain {

  private TrainerMain() {}

  /**
   * Starts the service.
   *
   * @param arguments none are used
   */
  public static void main(String... arguments) {
    ServiceStart.run(
        "fullrank-trainer",
        List.of(TrainerConfiguration.class, TrainerConfiguration.Data.class),
        configuration -> configuration.getConfigMapping(TrainerConfiguration.class).requireUsable(),
        arguments);
  }
}

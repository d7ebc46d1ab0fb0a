package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.result.Certificate;

/** What a certificate of the Jacobian means, in words. */
final class Wording {

  private Wording() {}

  /**
   * Returns why the certificate says what it says, what follows from it, and how far it reaches.
   */
  static String reason(SnapshotJacobian jacobian, Certificate certificate) {
    String meaning =
        switch (certificate.outcome()) {
          case CERTIFIED -> "; " + certified(jacobian);
          case REFUTED -> refuted(jacobian);
          case UNDETERMINED -> "";
        };
    String caveat = jacobian.caveat().isEmpty() ? "" : "; " + jacobian.caveat();
    return certificate.reason() + meaning + caveat;
  }

  private static String certified(SnapshotJacobian jacobian) {
    if (jacobian.isComplete()) {
      return "these weights are no bad minimum and no saddle: in these layers the gradient of the"
          + " training loss is 0 only where every example has its least loss";
    }
    return jacobian.trainingExamples() == 0
        ? "from these weights the network can still fit the %d examples that were sent, and nothing is"
                .formatted(jacobian.examples())
            + " shown about others"
        : "from these weights the network can still fit these %d of the %s training examples, and"
                .formatted(jacobian.examples(), Long.toUnsignedString(jacobian.trainingExamples()))
            + " nothing is shown about the others";
  }

  private static String refuted(SnapshotJacobian jacobian) {
    long columns = jacobian.jacobian().columns();
    String most =
        columns < jacobian.jacobian().rows()
            ? "; the %d parameters of these layers suffice for at most %d examples of %d outputs"
                .formatted(
                    columns, columns / jacobian.jacobian().outputs(), jacobian.jacobian().outputs())
            : "";
    return most
        + "; this does not show that training is stuck, only that this condition cannot rule it out";
  }
}

package io.fullrank.network.training;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.OracleFile;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;

/** The problem of gradient_descent_bound.py: 12 rows, 16 columns, 3 classes. */
public final class SmallProblem {

  static final int ROWS = 12;
  static final int COLUMNS = 16;
  static final int CLASSES = 3;

  private final OracleFile oracle = OracleFile.beside(SmallProblem.class, "gradient-descent.yaml");

  public OracleFile oracle() {
    return oracle;
  }

  /** An upper bound on ‖Φ‖₂. */
  public double sigma() {
    return oracle.get("sigma").number() * (1 + 1e-14);
  }

  public OutputProblem problem(Loss loss) {
    Matrix features = Matrix.allocate(ROWS, COLUMNS);
    double[] values = oracle.get("features").doubles();
    for (int i = 0; i < ROWS; i++) {
      features.setRow(i, 0, values, i * COLUMNS, COLUMNS);
    }
    int[] labels = oracle.get("labels").ints();
    return new OutputProblem(features, labels, CLASSES, LossFunction.of(loss), new OpenBlas(1));
  }

  /** V_τ. */
  public Matrix start() {
    Matrix v = Matrix.allocate(COLUMNS, CLASSES);
    double[] values = oracle.get("start").doubles();
    for (int i = 0; i < COLUMNS; i++) {
      v.setRow(i, 0, values, i * CLASSES, CLASSES);
    }
    return v;
  }

  /** ‖s(V − V⁺) − ∇L(V)‖_F for the squared loss, exactly. */
  public double stepError(double smoothness, double[] before, double[] after) {
    double[] phi = oracle.get("features").doubles();
    int[] labels = oracle.get("labels").ints();
    BigDecimal s = new BigDecimal(smoothness);
    BigDecimal squares = BigDecimal.ZERO;
    for (int k = 0; k < CLASSES; k++) {
      BigDecimal[] gradient = new BigDecimal[COLUMNS];
      Arrays.fill(gradient, BigDecimal.ZERO);
      for (int i = 0; i < ROWS; i++) {
        BigDecimal residual = labels[i] == k ? BigDecimal.ONE.negate() : BigDecimal.ZERO;
        for (int j = 0; j < COLUMNS; j++) {
          residual =
              residual.add(
                  new BigDecimal(phi[i * COLUMNS + j])
                      .multiply(new BigDecimal(before[j * CLASSES + k])));
        }
        for (int j = 0; j < COLUMNS; j++) {
          gradient[j] = gradient[j].add(residual.multiply(new BigDecimal(phi[i * COLUMNS + j])));
        }
      }
      for (int j = 0; j < COLUMNS; j++) {
        int index = j * CLASSES + k;
        BigDecimal step = new BigDecimal(before[index]).subtract(new BigDecimal(after[index]));
        BigDecimal error =
            step.multiply(s)
                .subtract(gradient[j].divide(BigDecimal.valueOf(ROWS), new MathContext(60)));
        squares = squares.add(error.multiply(error));
      }
    }
    return Math.sqrt(squares.doubleValue());
  }
}

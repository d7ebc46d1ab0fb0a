package io.fullrank.network.jacobian;

import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The layers of a network whose parameters a Jacobian is in. A layer counts if it has a linear
 * part: its parameters are that part's weights and biases. Scales and shifts of batch normalisation
 * count for no layer.
 *
 * @param maps the linear parts, in the network's order
 */
public record JacobianLayers(List<LinearMap> maps) {

  /**
   * Returns the named layers of a network.
   *
   * @param names in any order; a name that is there twice counts once
   * @throws IllegalArgumentException naming the first that the network does not have, and those
   *     that it has
   */
  public static JacobianLayers named(Network network, List<String> names) {
    List<LinearMap> all = network.linearMaps();
    for (String name : names) {
      if (all.stream().noneMatch(map -> map.layer().equals(name))) {
        throw new IllegalArgumentException(
            "the network has no layer '%s' with weights; it has %s"
                .formatted(name, String.join(", ", new JacobianLayers(all).names())));
      }
    }
    return new JacobianLayers(all.stream().filter(map -> names.contains(map.layer())).toList());
  }

  /**
   * Checks names of layers before there is any data, on whose shape they do not depend.
   *
   * @throws IllegalArgumentException as {@link #named}
   */
  public static void check(NetworkSpec spec, List<String> names) {
    if (!names.isEmpty()) {
      named(Network.of(spec, new ImageShape(1, 1, 1), 1), names);
    }
  }

  /**
   * Returns the cheapest layers in whose parameters the Jacobian of n examples with K outputs can
   * have full row rank: by ascending cost, until {@link #rankBound} reaches the nK rows and there
   * are twice as many parameters, or all layers are taken. Twice, since a square matrix that can
   * have full rank is close to one that has not. Layers that cost less than the factorisation that
   * follows are taken anyway, as each raises the least singular value.
   *
   * @param examples n
   */
  public static JacobianLayers cheapest(Network network, long examples) {
    double rows = (double) examples * network.classes();
    List<LinearMap> all = network.linearMaps();
    List<LinearMap> chosen = new ArrayList<>();
    double factorisation = rows * rows * rows / 3;
    double cost = 0;
    for (LinearMap map :
        all.stream().sorted(Comparator.comparingDouble(map -> cost(map, rows))).toList()) {
      cost += cost(map, rows);
      JacobianLayers soFar = new JacobianLayers(chosen);
      if (soFar.rankBound(examples, network.classes()) >= rows
          && soFar.parameters() >= 2 * rows
          && cost > factorisation) {
        break;
      }
      chosen.add(map);
    }
    return new JacobianLayers(all.stream().filter(chosen::contains).toList());
  }

  /** Returns the names of the layers, in the network's order. */
  public List<String> names() {
    return maps.stream().map(LinearMap::layer).toList();
  }

  /** Returns the number of parameters: the columns of the Jacobian. */
  public long parameters() {
    return maps.stream().mapToLong(LinearMap::parameters).sum();
  }

  /**
   * Returns the largest rank that the Jacobian can have by its shape: the sum over the layers of
   * their numbers of parameters or, where that is less, n·min(K, numbers that the layer makes), as
   * the rows of an example are linear in its K gradients δ.
   *
   * @param examples n
   * @param outputs K
   */
  public long rankBound(long examples, long outputs) {
    long sum = 0;
    for (LinearMap map : maps) {
      long byGradients = examples * Math.min(outputs, map.output().numbers());
      sum += Math.min(map.parameters(), byGradients);
    }
    return sum;
  }

  /**
   * Returns the native memory in bytes that the Jacobian of n examples with K outputs takes.
   *
   * @param examples n
   * @param outputs K
   */
  public double bytes(long examples, long outputs) {
    double numbers = 0;
    for (LinearMap map : maps) {
      numbers +=
          map.isOnVectors()
              ? (double) examples * (map.input().numbers() + outputs * map.output().numbers())
              : (double) examples * outputs * map.parameters();
    }
    return numbers * Double.BYTES;
  }

  /** Multiplications of the Gram matrix, of which half is computed. */
  private static double cost(LinearMap map, double rows) {
    return rows * rows * (map.isOnVectors() ? map.output().numbers() : map.parameters());
  }
}

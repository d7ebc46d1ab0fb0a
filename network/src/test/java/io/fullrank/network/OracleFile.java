package io.fullrank.network;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.Yaml;

/**
 * Reads the recorded output of a script in {@code src/test/oracle}: a tree of maps, lists and
 * numbers.
 */
public final class OracleFile {

  private final Object tree;

  private OracleFile(Object tree) {
    this.tree = tree;
  }

  /** Reads a YAML file that lies beside a class. */
  public static OracleFile beside(Class<?> type, String name) {
    try (InputStream stream = type.getResourceAsStream(name)) {
      return new OracleFile(new Yaml().load(stream));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public OracleFile get(Object key) {
    Object value = ((Map<?, ?>) tree).get(key);
    if (value == null) {
      throw new AssertionError("no " + key + " in " + ((Map<?, ?>) tree).keySet());
    }
    return new OracleFile(value);
  }

  public List<OracleFile> list() {
    return ((List<?>) tree).stream().map(OracleFile::new).toList();
  }

  /** As text, because YAML takes a number like 1e-05 for a string. */
  public String text() {
    return tree.toString();
  }

  public double number() {
    return Double.parseDouble(text());
  }

  public int integer() {
    return Integer.parseInt(text());
  }

  public double[] doubles() {
    return list().stream().mapToDouble(OracleFile::number).toArray();
  }

  public float[] floats() {
    double[] values = doubles();
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  public int[] ints() {
    return list().stream().mapToInt(value -> Integer.parseInt(value.text())).toArray();
  }
}

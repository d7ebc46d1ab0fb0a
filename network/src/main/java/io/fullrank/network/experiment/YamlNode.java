package io.fullrank.network.experiment;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;

/**
 * YAML as it is written, with the place of everything: scalars stay text, so that YAML 1.1's
 * guesses ({@code no} is false, {@code 1e-3} is a string, {@code 1:30} is 90) never happen.
 */
sealed interface YamlNode {

  /** File and line (of the key, for a key's value), or the override that set it. */
  String where();

  /** What a message calls it. */
  String description();

  record Scalar(String where, String text, boolean quoted) implements YamlNode {
    @Override
    public String description() {
      return text.isEmpty() && !quoted ? "no value" : "'" + text + "'";
    }

    boolean isAbsent() {
      return text.isEmpty() && !quoted;
    }
  }

  record Sequence(String where, List<YamlNode> items) implements YamlNode {
    @Override
    public String description() {
      return "a list";
    }
  }

  record Mapping(String where, Map<String, YamlNode> entries) implements YamlNode {
    @Override
    public String description() {
      return "a mapping";
    }

    /** A copy in which the given path of keys leads to the value. */
    Mapping with(List<String> path, YamlNode value) {
      String key = path.get(0);
      YamlNode changed = value;
      if (path.size() > 1) {
        Mapping child =
            entries.get(key) instanceof Mapping mapping
                ? mapping
                : new Mapping(value.where(), Map.of());
        changed = child.with(path.subList(1, path.size()), value);
      }
      Map<String, YamlNode> copy = new LinkedHashMap<>(entries);
      copy.put(key, changed);
      return new Mapping(where, copy);
    }
  }

  /**
   * Parses one document.
   *
   * @param where names a line, counted from 1
   * @throws InvalidExperimentException when it is not YAML, or uses a key twice
   */
  static YamlNode parse(String yaml, IntFunction<String> where) {
    LoaderOptions options = new LoaderOptions();
    // A list or mapping stands where it is used: no aliases that multiply or contain themselves.
    options.setMaxAliasesForCollections(0);
    try {
      Node root = new Yaml(options).compose(new StringReader(yaml));
      return root == null
          ? new Scalar(where.apply(1), "", false)
          : convert(root, where.apply(line(root)), "", where);
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      throw new InvalidExperimentException(where.apply(line), "not YAML: " + e.getProblem(), e);
    } catch (YAMLException e) {
      String firstLine = e.getMessage().lines().findFirst().orElse("");
      throw new InvalidExperimentException(where.apply(1), "not YAML: " + firstLine, e);
    }
  }

  private static YamlNode convert(Node node, String place, String path, IntFunction<String> where) {
    if (node instanceof ScalarNode scalar) {
      return new Scalar(place, scalar.getValue(), scalar.getScalarStyle() != ScalarStyle.PLAIN);
    }
    if (node instanceof SequenceNode sequence) {
      List<YamlNode> items = new ArrayList<>();
      for (Node item : sequence.getValue()) {
        String itemPath = path + "[" + items.size() + "]";
        items.add(convert(item, where.apply(line(item)), itemPath, where));
      }
      return new Sequence(place, items);
    }
    Map<String, YamlNode> entries = new LinkedHashMap<>();
    for (NodeTuple tuple : ((MappingNode) node).getValue()) {
      String keyPlace = where.apply(line(tuple.getKeyNode()));
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        throw new InvalidExperimentException(keyPlace, path, "a key must be a word");
      }
      String keyPath = path.isEmpty() ? key.getValue() : path + "." + key.getValue();
      YamlNode value = convert(tuple.getValueNode(), keyPlace, keyPath, where);
      if (entries.put(key.getValue(), value) != null) {
        throw new InvalidExperimentException(keyPlace, keyPath, "given twice; keep one");
      }
    }
    return new Mapping(place, entries);
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }
}

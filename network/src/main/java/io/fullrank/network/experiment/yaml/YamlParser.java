package io.fullrank.network.experiment.yaml;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

/** Parses one YAML document into {@link YamlNode}s. Nothing is constructed from tags. */
public final class YamlParser {

  private final String source;
  private final boolean lines;
  private final Set<Node> collections = Collections.newSetFromMap(new IdentityHashMap<>());

  private YamlParser(String source, boolean lines) {
    this.source = source;
    this.lines = lines;
  }

  /**
   * @throws InvalidExperimentException naming file and line when it is not YAML, or uses a key
   *     twice
   */
  public static YamlNode ofFile(String file, String yaml) {
    return new YamlParser(file, true).parse(yaml);
  }

  /**
   * @throws InvalidExperimentException naming the option when its value is not YAML, or uses a key
   *     twice
   */
  public static YamlNode ofOption(String option, String yaml) {
    return new YamlParser(option, false).parse(yaml);
  }

  private YamlNode parse(String yaml) {
    try {
      Node root = new Yaml(new LoaderOptions()).compose(new StringReader(yaml));
      return root == null
          ? new YamlNode.Scalar(place(1), "", false)
          : convert(root, place(line(root)), "");
    } catch (MarkedYAMLException e) {
      String place = e.getProblemMark() == null ? source : place(e.getProblemMark().getLine() + 1);
      throw new InvalidExperimentException(place, "not YAML: " + e.getProblem(), e);
    } catch (YAMLException e) {
      String firstLine = e.getMessage().lines().findFirst().orElse("");
      throw new InvalidExperimentException(source, "not YAML: " + firstLine, e);
    }
  }

  private YamlNode convert(Node node, String place, String path) {
    if (node instanceof ScalarNode scalar) {
      boolean quoted = scalar.getScalarStyle() != ScalarStyle.PLAIN;
      return new YamlNode.Scalar(place, scalar.getValue(), quoted);
    }
    // Aliases could multiply without end, or contain themselves.
    if (!collections.add(node)) {
      throw new InvalidExperimentException(
          place, path, "an alias of a list or mapping; write it out here");
    }
    return node instanceof SequenceNode sequence
        ? list(sequence, place, path)
        : mapping((MappingNode) node, place, path);
  }

  private YamlNode list(SequenceNode node, String place, String path) {
    List<YamlNode> items = new ArrayList<>();
    for (Node item : node.getValue()) {
      items.add(convert(item, place(line(item)), path + "[" + items.size() + "]"));
    }
    return new YamlNode.Sequence(place, items);
  }

  private YamlNode mapping(MappingNode node, String place, String path) {
    Map<String, YamlNode> entries = new LinkedHashMap<>();
    for (NodeTuple tuple : node.getValue()) {
      String keyPlace = place(line(tuple.getKeyNode()));
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        throw new InvalidExperimentException(keyPlace, path, "a key must be a word");
      }
      String keyPath = path.isEmpty() ? key.getValue() : path + "." + key.getValue();
      YamlNode value = convert(tuple.getValueNode(), keyPlace, keyPath);
      if (entries.put(key.getValue(), value) != null) {
        throw new InvalidExperimentException(keyPlace, keyPath, "given twice; keep one");
      }
    }
    return new YamlNode.Mapping(place, entries);
  }

  private String place(int line) {
    return lines ? source + ":" + line : source;
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }
}

package io.fullrank.network.experiment.yaml;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * YAML as it is written, with the place of everything: scalars stay text, so that YAML 1.1's
 * guesses ({@code no} is false, {@code 1e-3} is a string, {@code 1:30} is 90) never happen.
 */
public sealed interface YamlNode {

  /** File and line (for a value, those of its key), or the override that set it. */
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
    public Mapping with(List<String> path, YamlNode value) {
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
}

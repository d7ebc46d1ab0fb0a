package io.fullrank.network.experiment.yaml;

import com.google.protobuf.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A value of the experiment file at its path, read as what the experiment needs there. Every method
 * throws {@link InvalidExperimentException} with place and path when the value is something else.
 *
 * @param path such as {@code network.widths[1]}; empty for the whole file
 * @param node what is written there
 */
public record YamlValue(String path, YamlNode node) {

  private static final Pattern WHOLE = Pattern.compile("0|[1-9][0-9]{0,18}");
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?");
  private static final Pattern DURATION = Pattern.compile("([0-9]{1,12})(ms|s|m|h)");

  /**
   * The value as a mapping that has no other keys than these.
   *
   * @throws InvalidExperimentException for an unknown key, with the nearest known one
   */
  public Section section(String... keys) {
    if (!(node instanceof YamlNode.Mapping mapping)) {
      throw invalid(expected("a mapping with the keys " + String.join(", ", keys)));
    }
    List<String> known = List.of(keys);
    for (Map.Entry<String, YamlNode> entry : mapping.entries().entrySet()) {
      if (!known.contains(entry.getKey())) {
        throw child(entry.getKey(), entry.getValue())
            .invalid(
                known.isEmpty()
                    ? "unknown key; it has no keys"
                    : "unknown key" + Spelling.hint(entry.getKey(), known));
      }
    }
    return new Section(mapping);
  }

  /** The value as a mapping of any keys. */
  public Section anySection() {
    if (!(node instanceof YamlNode.Mapping mapping)) {
      throw invalid(expected("a mapping"));
    }
    return new Section(mapping);
  }

  /** The keys of a mapping; made by {@link #section}. */
  public final class Section {
    private final YamlNode.Mapping mapping;

    private Section(YamlNode.Mapping mapping) {
      this.mapping = mapping;
    }

    public YamlValue required(String key) {
      return optional(key)
          .orElseThrow(() -> child(key, mapping).invalid("missing; this key has no default"));
    }

    public Optional<YamlValue> optional(String key) {
      return Optional.ofNullable(mapping.entries().get(key)).map(value -> child(key, value));
    }

    /** The value of a key whose own keys all have defaults; the empty mapping when absent. */
    public YamlValue orEmpty(String key) {
      return optional(key)
          .orElseGet(() -> child(key, new YamlNode.Mapping(mapping.where(), Map.of())));
    }
  }

  /**
   * A choice with parameters of its own: {@code cosine}, {@code cosine: {}} or {@code step:
   * {factor: 0.1, …}}.
   *
   * @return the parameters, with the chosen name as last element of the path
   */
  public YamlValue choice(String... names) {
    List<String> known = List.of(names);
    String name;
    YamlNode parameters;
    if (node instanceof YamlNode.Mapping mapping && mapping.entries().size() == 1) {
      name = mapping.entries().keySet().iterator().next();
      parameters = mapping.entries().get(name);
    } else if (node instanceof YamlNode.Scalar scalar && !scalar.isAbsent()) {
      name = scalar.text();
      parameters = node;
    } else {
      throw invalid(expected("exactly one of " + String.join(", ", known)));
    }
    if (!known.contains(name)) {
      throw invalid("unknown choice '" + name + "'" + Spelling.hint(name, known));
    }
    boolean bare =
        parameters == node || (parameters instanceof YamlNode.Scalar scalar && scalar.isAbsent());
    return child(name, bare ? new YamlNode.Mapping(node.where(), Map.of()) : parameters);
  }

  /** The last element of the path. */
  public String name() {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /** The items of a list. */
  public List<YamlValue> items() {
    if (!(node instanceof YamlNode.Sequence sequence)) {
      throw invalid(expected("a list such as [1, 2]"));
    }
    List<YamlValue> items = new ArrayList<>();
    for (YamlNode item : sequence.items()) {
      items.add(new YamlValue(path + "[" + items.size() + "]", item));
    }
    return items;
  }

  public String text() {
    if (node instanceof YamlNode.Scalar scalar && !scalar.isAbsent()) {
      return scalar.text();
    }
    throw invalid(expected("a word"));
  }

  /** One of the given words. */
  public <T> T oneOf(Map<String, T> words) {
    String word = text();
    if (!words.containsKey(word)) {
      List<String> known = words.keySet().stream().sorted().toList();
      throw invalid("unknown value '" + word + "'" + Spelling.hint(word, known));
    }
    return words.get(word);
  }

  /** A whole number of 0 … 2^31−1. */
  public int count() {
    long value = whole();
    if (value > Integer.MAX_VALUE) {
      throw invalid("%d is more than %d".formatted(value, Integer.MAX_VALUE));
    }
    return (int) value;
  }

  /** A whole number of 0 … 2^63−1. */
  public long whole() {
    String text = plain("a whole number");
    if (!WHOLE.matcher(text).matches()) {
      throw invalid(expected("a whole number, 0 or more"));
    }
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw invalid("%s is more than %d".formatted(text, Long.MAX_VALUE));
    }
  }

  /** A number such as 0.1 or 1e-3. */
  public double number() {
    String text = plain("a number");
    if (!NUMBER.matcher(text).matches()) {
      throw invalid(expected("a number such as 0.1 or 1e-3"));
    }
    return Double.parseDouble(text);
  }

  public boolean flag() {
    return switch (plain("true or false")) {
      case "true" -> true;
      case "false" -> false;
      default -> throw invalid(expected("true or false"));
    };
  }

  /** A time span such as 500ms, 60s, 2m or 1h. */
  public Duration duration() {
    Matcher matcher = DURATION.matcher(plain("a time span"));
    if (!matcher.matches()) {
      throw invalid(expected("a time span such as 500ms, 60s, 2m or 1h"));
    }
    long amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> span(amount / 1000, (int) (amount % 1000) * 1_000_000);
      case "s" -> span(amount, 0);
      case "m" -> span(60 * amount, 0);
      default -> span(3600 * amount, 0);
    };
  }

  private static Duration span(long seconds, int nanos) {
    return Duration.newBuilder().setSeconds(seconds).setNanos(nanos).build();
  }

  public InvalidExperimentException invalid(String problem) {
    return new InvalidExperimentException(node.where(), path, problem);
  }

  private YamlValue child(String key, YamlNode value) {
    return new YamlValue(path.isEmpty() ? key : path + "." + key, value);
  }

  private String plain(String what) {
    if (node instanceof YamlNode.Scalar scalar && !scalar.quoted() && !scalar.isAbsent()) {
      return scalar.text();
    }
    throw invalid(expected(what));
  }

  private String expected(String what) {
    boolean quoted = node instanceof YamlNode.Scalar scalar && scalar.quoted();
    return "expected %s, got %s%s"
        .formatted(what, quoted ? "the quoted text " : "", node.description());
  }
}

package io.fullrank.network.description;

import com.google.protobuf.Message;
import java.util.List;
import java.util.Map;

/**
 * The values of a choice's parameters.
 *
 * @param byKey for each key a {@code Long}, {@code Double}, {@code Boolean}, {@code String}, a
 *     message of the specification, or a list of {@code Long}s, of {@code String}s or of maps like
 *     this one
 */
public record Values(Map<String, Object> byKey) {

  public long count(String key) {
    return (Long) byKey.get(key);
  }

  public double number(String key) {
    return (Double) byKey.get(key);
  }

  public boolean flag(String key) {
    return (Boolean) byKey.get(key);
  }

  public String word(String key) {
    return (String) byKey.get(key);
  }

  public boolean has(String key) {
    return byKey.containsKey(key);
  }

  public List<Long> counts(String key) {
    return ((List<?>) byKey.get(key)).stream().map(Long.class::cast).toList();
  }

  public List<String> texts(String key) {
    return ((List<?>) byKey.get(key)).stream().map(String.class::cast).toList();
  }

  /** A whole message of the specification. */
  public Message part(String key) {
    return (Message) byKey.get(key);
  }

  /** A list of mappings. */
  @SuppressWarnings("unchecked") // A specification's repeated messages have names for keys.
  public List<Values> mappings(String key) {
    return ((List<?>) byKey.get(key))
        .stream().map(item -> new Values((Map<String, Object>) item)).toList();
  }
}

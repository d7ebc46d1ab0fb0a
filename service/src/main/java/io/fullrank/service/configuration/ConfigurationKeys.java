package io.fullrank.service.configuration;

import io.smallrye.config.ConfigMappings.ConfigClass;
import io.smallrye.config.EnvConfigSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** The keys that a service knows, and a search for those that it does not. */
public final class ConfigurationKeys {

  private static final String PREFIX = "fullrank.";
  private static final String ENVIRONMENT_PREFIX = "FULLRANK_";
  private static final String ANY = ".*";

  // Services may share one environment: keys of the other services are ignored.
  private static final List<String> SECTIONS =
      List.of("fullrank.data.", "fullrank.trainer.", "fullrank.checker.", "fullrank.metrics.");

  // A variable that Kubernetes sets for a Service, such as
  // FULLRANK_TRAINER_PORT=tcp://10.0.0.1:9001.
  private static final String SERVICE_LINK =
      "FULLRANK_\\w+_(SERVICE_HOST|SERVICE_PORT\\w*|PORT|PORT_\\d+_(TCP|UDP)\\w*)";

  private final Set<String> known = new TreeSet<>();

  public ConfigurationKeys(List<Class<?>> mappings) {
    mappings.forEach(
        mapping -> known.addAll(ConfigClass.configClass(mapping).getProperties().keySet()));
  }

  /**
   * Refuses a key that no part of the service reads: it is most likely a slip.
   *
   * @throws IllegalArgumentException naming the key and the nearest that there is
   */
  public void requireKnown(Iterable<ConfigSource> sources) {
    for (ConfigSource source : sources) {
      for (String name : new TreeSet<>(source.getPropertyNames())) {
        if (source instanceof EnvConfigSource) {
          requireKnownVariable(name, String.valueOf(source.getValue(name)));
        } else if (name.startsWith(PREFIX)) {
          requireKnown(name);
        }
      }
    }
  }

  private void requireKnown(String name) {
    if (known.stream().noneMatch(key -> matches(name, key, ".")) && isOurs(name, "")) {
      throw unknown(name, nearest(name, new ArrayList<>(known)));
    }
  }

  private void requireKnownVariable(String name, String value) {
    if (!name.startsWith(ENVIRONMENT_PREFIX)
        || name.matches(SERVICE_LINK)
            && (value.contains("://") || !name.endsWith("_PORT"))
            && known.stream().map(ConfigurationKeys::variable).noneMatch(name::equals)) {
      return;
    }
    if (known.stream().noneMatch(key -> matches(name, variable(key), "_")) && isOurs(name, "_")) {
      throw unknown(name, nearest(name, known.stream().map(ConfigurationKeys::variable).toList()));
    }
  }

  private static boolean matches(String name, String key, String separator) {
    return key.endsWith(ANY) || key.endsWith("__")
        ? name.startsWith(key.substring(0, key.length() - ANY.length()) + separator)
        : name.equals(key);
  }

  // Whether a name is in a section of this service, or in no section.
  private boolean isOurs(String name, String separator) {
    return SECTIONS.stream()
        .filter(section -> name.startsWith(separator.isEmpty() ? section : variable(section)))
        .allMatch(section -> known.stream().anyMatch(key -> key.startsWith(section)));
  }

  private static String variable(String key) {
    return key.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "_");
  }

  private static IllegalArgumentException unknown(String name, String nearest) {
    return new IllegalArgumentException(
        "%s: there is no such key, did you mean %s?".formatted(name, nearest));
  }

  private static String nearest(String name, List<String> keys) {
    return keys.stream().min(Comparator.comparingInt(key -> distance(name, key))).orElseThrow();
  }

  /** Returns how many characters have to be put in, taken out or replaced (Levenshtein). */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}

package io.fullrank.network.description;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import io.fullrank.proto.v1.NamedAlgorithm;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One of several things that an experiment may choose, such as an algorithm: how files call it, and
 * which message of the specification stands for it.
 *
 * @param key its key in experiment files
 * @param field the number of the field that holds its message, alone or as one of several
 * @param prototype the message before its parameters are set
 * @param parameters in the order in which files, reports and documentation have them
 * @param sentence what it is, for documentation in Markdown
 */
public record Choice(
    String key, int field, Message prototype, List<Parameter> parameters, String sentence) {

  /**
   * A choice whose message has nothing set before its parameters are.
   *
   * @param specification any message with the oneof of its kind
   */
  public static Choice of(
      String key, Message specification, int field, List<Parameter> parameters, String sentence) {
    FieldDescriptor holder = specification.getDescriptorForType().findFieldByNumber(field);
    Message prototype = specification.newBuilderForType().newBuilderForField(holder).buildPartial();
    return new Choice(key, field, prototype, parameters, sentence);
  }

  /** Returns whether a specification chooses this. */
  public boolean isChosenBy(Message specification) {
    return messages(specification).anyMatch(this::fits);
  }

  private boolean fits(Message message) {
    return prototype.getAllFields().entrySet().stream()
        .allMatch(given -> given.getValue().equals(message.getField(given.getKey())));
  }

  /**
   * Sets the message that stands for this choice with these values.
   *
   * @param specification (modified) the builder of the message that has the oneof
   * @param values also whole messages, such as a learning rate schedule
   */
  public void choose(Message.Builder specification, Values values) {
    Message.Builder message = prototype.toBuilder();
    if (message instanceof NamedAlgorithm.Builder named) {
      values
          .byKey()
          .forEach(
              (key, value) -> {
                if (value instanceof Message part) {
                  named.setField(field(named.getDescriptorForType(), key), part);
                } else {
                  named.putParameters(key, toDouble(value));
                }
              });
    } else {
      fill(message, values);
    }
    FieldDescriptor holder = holder(specification);
    if (holder.isRepeated()) {
      specification.addRepeatedField(holder, message.build());
    } else {
      specification.setField(holder, message.build());
    }
  }

  /** A message within the one that stands for this choice, such as its learning rate schedule. */
  public Message part(Message specification, String name) {
    Message message = message(specification);
    return (Message) message.getField(field(message.getDescriptorForType(), name));
  }

  /** Returns whether the specification holds a parameter as files have it. */
  public boolean holds(Parameter parameter) {
    return prototype instanceof NamedAlgorithm
        || field(prototype.getDescriptorForType(), parameter.key()) != null;
  }

  /**
   * What is wrong with the names or types of the parameters that a specification gives, if anything
   * is. That can only be if its message has parameters by name, since the fields of all other
   * messages have types.
   */
  public Optional<Problem> problem(Message specification) {
    return message(specification) instanceof NamedAlgorithm named
        ? named.getParametersMap().entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .flatMap(given -> problem(given.getKey(), given.getValue()).stream())
            .findFirst()
        : Optional.empty();
  }

  private Optional<Problem> problem(String given, double value) {
    Optional<Parameter> known =
        parameters.stream().filter(parameter -> parameter.key().equals(given)).findFirst();
    if (known.isEmpty()) {
      return Optional.of(new Problem(given, "unknown key; leave it out"));
    }
    return switch (known.get().kind()) {
      case COUNT ->
          value == Math.rint(value)
              ? Optional.empty()
              : Optional.of(new Problem(given, "must be a whole number, got " + value));
      case FLAG ->
          value == 0 || value == 1
              ? Optional.empty()
              : Optional.of(new Problem(given, "must be 0 for false or 1 for true, got " + value));
      default -> Optional.empty();
    };
  }

  private Message message(Message specification) {
    return messages(specification).filter(this::fits).findFirst().orElse(prototype);
  }

  /** What the specification has in the place of this choice: any number, or at most one. */
  private Stream<Message> messages(Message specification) {
    FieldDescriptor holder = holder(specification);
    if (holder.isRepeated()) {
      return ((List<?>) specification.getField(holder)).stream().map(Message.class::cast);
    }
    return specification.hasField(holder)
        ? Stream.of((Message) specification.getField(holder))
        : Stream.empty();
  }

  private FieldDescriptor holder(MessageOrBuilder specification) {
    return specification.getDescriptorForType().findFieldByNumber(field);
  }

  /** The values that a specification gives; only for one that {@link #isChosenBy chooses} this. */
  public Values valuesIn(Message specification) {
    Message message = message(specification);
    return message instanceof NamedAlgorithm named
        ? valuesOf(named)
        : valuesOf(message, parameters);
  }

  private Values valuesOf(NamedAlgorithm named) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (Parameter parameter : parameters) {
      double value = named.getParametersOrDefault(parameter.key(), 0);
      values.put(
          parameter.key(),
          switch (parameter.kind()) {
            case COUNT -> (Object) (long) value;
            case FLAG -> value != 0;
            case NUMBER -> value;
            case WORD, COUNTS, TEXTS, MAPPINGS, ACTIVATION ->
                throw new IllegalStateException(
                    "%s.%s: an algorithm without a message of its own has numbers and flags only"
                        .formatted(key, parameter.key()));
          });
    }
    return new Values(values);
  }

  private static double toDouble(Object value) {
    return value instanceof Boolean flag ? (flag ? 1 : 0) : ((Number) value).doubleValue();
  }

  private static void fill(Message.Builder message, Values values) {
    values
        .byKey()
        .forEach(
            (key, value) -> {
              FieldDescriptor field = field(message.getDescriptorForType(), key);
              if (value instanceof List<?> list) {
                for (Object item : list) {
                  message.addRepeatedField(field, item(message, field, item));
                }
              } else {
                message.setField(field, item(message, field, value));
              }
            });
  }

  private static Object item(Message.Builder message, FieldDescriptor field, Object value) {
    return switch (field.getJavaType()) {
      case INT -> ((Long) value).intValue();
      case ENUM -> field.getEnumType().findValueByName(constant(field.getEnumType(), value));
      case MESSAGE -> {
        if (value instanceof Message whole) {
          yield whole;
        }
        Message.Builder part = message.newBuilderForField(field);
        ((Map<?, ?>) value)
            .forEach(
                (key, number) -> fill(part, new Values(Map.of((String) key, (Object) number))));
        yield part.build();
      }
      default -> value;
    };
  }

  private static Values valuesOf(Message message, List<Parameter> parameters) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (Parameter parameter : parameters) {
      Object value = message.getField(field(message.getDescriptorForType(), parameter.key()));
      values.put(
          parameter.key(),
          value instanceof List<?> list
              ? list.stream().map(item -> read(item, parameter)).toList()
              : read(value, parameter));
    }
    return new Values(values);
  }

  private static Object read(Object value, Parameter parameter) {
    if (value instanceof Integer number) {
      return Integer.toUnsignedLong(number);
    }
    if (value instanceof EnumValueDescriptor constant) {
      return constant.getNumber() == 0 ? parameter.byDefault().orElseThrow() : word(constant);
    }
    if (value instanceof Message part && parameter.kind() == Parameter.Kind.MAPPINGS) {
      return valuesOf(part, parameter.parts()).byKey();
    }
    return value;
  }

  private static FieldDescriptor field(Descriptor message, String key) {
    return message.findFieldByName(key.replace('-', '_'));
  }

  /** INITIALIZATION_HE is "he" in files: all constants begin as that for 0 does. */
  private static String word(EnumValueDescriptor constant) {
    String name = constant.getName();
    String prefix = prefix(constant.getType());
    return name.startsWith(prefix)
        ? name.substring(prefix.length()).toLowerCase(Locale.ROOT).replace('_', '-')
        : name;
  }

  private static String constant(EnumDescriptor type, Object word) {
    return prefix(type) + ((String) word).toUpperCase(Locale.ROOT).replace('-', '_');
  }

  private static String prefix(EnumDescriptor type) {
    String unspecified = type.findValueByNumber(0).getName();
    return unspecified.substring(0, unspecified.length() - "UNSPECIFIED".length());
  }
}

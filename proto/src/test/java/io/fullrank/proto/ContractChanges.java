package io.fullrank.proto;

import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumDescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumValueDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Finds what a contract no longer has of an older one, so that a program built with the older one
 * would misunderstand it: messages, fields, values of enums, services and their methods. What is
 * new is no change.
 */
final class ContractChanges {

  private final Map<String, DescriptorProto> messages = new TreeMap<>();
  private final Map<String, EnumDescriptorProto> enums = new TreeMap<>();
  private final Map<String, ServiceDescriptorProto> services = new TreeMap<>();

  private ContractChanges(FileDescriptorSet contract) {
    for (FileDescriptorProto file : contract.getFileList()) {
      String prefix = file.getPackage() + ".";
      file.getMessageTypeList().forEach(message -> add(prefix, message));
      file.getEnumTypeList().forEach(each -> enums.put(prefix + each.getName(), each));
      file.getServiceList().forEach(each -> services.put(prefix + each.getName(), each));
    }
  }

  private void add(String prefix, DescriptorProto message) {
    String name = prefix + message.getName();
    messages.put(name, message);
    message.getNestedTypeList().forEach(nested -> add(name + ".", nested));
    message.getEnumTypeList().forEach(each -> enums.put(name + "." + each.getName(), each));
  }

  /** Returns a sentence for each change, beginning with the name of what has changed. */
  static List<String> between(FileDescriptorSet published, FileDescriptorSet current) {
    ContractChanges old = new ContractChanges(published);
    ContractChanges now = new ContractChanges(current);
    List<String> changes = new ArrayList<>();
    old.messages.forEach(
        (name, message) -> compare(name, message, now.messages.get(name), changes));
    old.enums.forEach((name, each) -> compare(name, each, now.enums.get(name), changes));
    old.services.forEach((name, each) -> compare(name, each, now.services.get(name), changes));
    return changes;
  }

  private static void compare(
      String name, DescriptorProto old, DescriptorProto now, List<String> changes) {
    if (now == null) {
      changes.add(name + " was removed");
      return;
    }
    Map<String, FieldDescriptorProto> byName =
        keyed(now.getFieldList(), FieldDescriptorProto::getName);
    Map<Integer, FieldDescriptorProto> byNumber =
        keyed(now.getFieldList(), FieldDescriptorProto::getNumber);
    for (FieldDescriptorProto field : old.getFieldList()) {
      String title = name + "." + field.getName();
      FieldDescriptorProto same = byName.get(field.getName());
      FieldDescriptorProto sameNumber = byNumber.get(field.getNumber());
      if (same == null) {
        changes.add(
            sameNumber == null
                ? title + " was removed"
                : title + " was renamed to " + sameNumber.getName());
      } else if (same.getNumber() != field.getNumber()) {
        changes.add(
            "%s has number %d instead of %d".formatted(title, same.getNumber(), field.getNumber()));
      } else if (!type(same, now).equals(type(field, old))) {
        changes.add("%s is %s instead of %s".formatted(title, type(same, now), type(field, old)));
      }
    }
  }

  // What decides how a field is read: its type, and whether it is repeated, optional or in a oneof.
  private static String type(FieldDescriptorProto field, DescriptorProto message) {
    String label =
        field.getLabel() == FieldDescriptorProto.Label.LABEL_REPEATED
            ? "repeated "
            : field.getProto3Optional() ? "optional " : "";
    String type =
        field.getTypeName().isEmpty()
            ? field.getType().name().substring("TYPE_".length()).toLowerCase(Locale.ROOT)
            : field.getTypeName().substring(1);
    String choice =
        field.hasOneofIndex() && !field.getProto3Optional()
            ? " in oneof " + message.getOneofDecl(field.getOneofIndex()).getName()
            : "";
    return label + type + choice;
  }

  private static void compare(
      String name, EnumDescriptorProto old, EnumDescriptorProto now, List<String> changes) {
    if (now == null) {
      changes.add(name + " was removed");
      return;
    }
    Map<String, EnumValueDescriptorProto> byName =
        keyed(now.getValueList(), EnumValueDescriptorProto::getName);
    for (EnumValueDescriptorProto value : old.getValueList()) {
      EnumValueDescriptorProto same = byName.get(value.getName());
      if (same == null) {
        changes.add(name + "." + value.getName() + " was removed or renamed");
      } else if (same.getNumber() != value.getNumber()) {
        changes.add(
            "%s.%s has number %d instead of %d"
                .formatted(name, value.getName(), same.getNumber(), value.getNumber()));
      }
    }
  }

  private static void compare(
      String name, ServiceDescriptorProto old, ServiceDescriptorProto now, List<String> changes) {
    if (now == null) {
      changes.add(name + " was removed");
      return;
    }
    Map<String, MethodDescriptorProto> byName =
        keyed(now.getMethodList(), MethodDescriptorProto::getName);
    for (MethodDescriptorProto method : old.getMethodList()) {
      MethodDescriptorProto same = byName.get(method.getName());
      String title = name + "." + method.getName();
      if (same == null) {
        changes.add(title + " was removed or renamed");
      } else if (!signature(same).equals(signature(method))) {
        changes.add("%s is %s instead of %s".formatted(title, signature(same), signature(method)));
      }
    }
  }

  private static String signature(MethodDescriptorProto method) {
    return "(%s%s) returns (%s%s)"
        .formatted(
            method.getClientStreaming() ? "stream " : "",
            method.getInputType().substring(1),
            method.getServerStreaming() ? "stream " : "",
            method.getOutputType().substring(1));
  }

  private static <K, V> Map<K, V> keyed(List<V> values, Function<V, K> key) {
    return values.stream().collect(Collectors.toMap(key, Function.identity(), (a, b) -> a));
  }
}

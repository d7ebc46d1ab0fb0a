package io.fullrank.cli;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a program can use of a Java library, one line for each type and each member of it. */
final class PublicApi {

  // Every type has these.
  private static final Set<String> OF_OBJECT = Set.of("equals", "hashCode", "toString");

  private PublicApi() {}

  /** Lists types of one package, without those of packages below it. */
  static Set<String> ofPackage(String name) {
    return new ClassFileImporter()
        .importPackages(name).stream()
            .filter(type -> type.getPackageName().equals(name))
            .map(JavaClass::reflect)
            .flatMap(type -> ofType(type).stream())
            .collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * Lists a type, with what it extends and the components of a record in their order, and its own
   * members with types, modifiers and exceptions; nothing for a type that others cannot name.
   */
  static Set<String> ofType(Class<?> type) {
    Set<String> lines = new TreeSet<>();
    for (Class<?> outer = type; outer != null; outer = outer.getEnclosingClass()) {
      if (!isOpen(outer.getModifiers()) || outer.isAnonymousClass() || outer.isLocalClass()) {
        return lines;
      }
    }
    lines.add(type.getName() + ": " + declaration(type));
    for (Field field : type.getDeclaredFields()) {
      add(type, field, field.toGenericString(), lines);
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      add(type, constructor, constructor.toGenericString(), lines);
    }
    for (Method method : type.getDeclaredMethods()) {
      if (!method.isBridge() && !OF_OBJECT.contains(method.getName())) {
        // How a method guards its state is its own affair.
        add(type, method, method.toGenericString().replace(" synchronized ", " "), lines);
      }
    }
    return lines;
  }

  private static void add(Class<?> type, Member member, String signature, Set<String> lines) {
    if (isOpen(member.getModifiers()) && !member.isSynthetic()) {
      lines.add(type.getName() + ": " + signature.replace(" " + type.getTypeName() + ".", " "));
    }
  }

  private static String declaration(Class<?> type) {
    String components =
        type.isRecord()
            ? Arrays.stream(type.getRecordComponents())
                .map(each -> each.getGenericType().getTypeName() + " " + each.getName())
                .collect(Collectors.joining(", ", "(", ")"))
            : "";
    List<String> above =
        Stream.concat(
                Stream.ofNullable(type.getGenericSuperclass())
                    .filter(parent -> parent != Object.class && parent != Record.class),
                Arrays.stream(type.getGenericInterfaces()))
            .map(Type::getTypeName)
            .toList();
    String kind = type.isRecord() ? "record" : "class";
    return "%s %s%s%s"
        .formatted(
            Modifier.toString(type.getModifiers()),
            kind,
            components,
            above.isEmpty() ? "" : " is " + String.join(", ", above));
  }

  private static boolean isOpen(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }
}

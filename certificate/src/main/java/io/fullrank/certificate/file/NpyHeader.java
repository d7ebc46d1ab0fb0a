package io.fullrank.certificate.file;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The header of an {@code .npy} file: the literal of a Python dictionary with exactly the keys
 * {@code descr}, {@code fortran_order} and {@code shape} (NumPy Enhancement Proposal 1).
 *
 * @param descr the data type, such as {@code <f8}
 * @param fortranOrder whether the first index varies fastest
 * @param shape the dimensions
 */
record NpyHeader(String descr, boolean fortranOrder, List<Long> shape) {

  /** The text is not such a dictionary; the message is for people. */
  static final class MalformedHeaderException extends Exception {
    MalformedHeaderException(String message) {
      super(message);
    }
  }

  static NpyHeader parse(String text) throws MalformedHeaderException {
    return new Parser(text).dictionary();
  }

  private static final class Parser {
    private static final int MAX_DIMENSIONS = 64;

    private final String text;
    private int position;

    Parser(String text) {
      this.text = text;
    }

    NpyHeader dictionary() throws MalformedHeaderException {
      String descr = null;
      Boolean fortranOrder = null;
      List<Long> shape = null;
      Set<String> seen = new HashSet<>();
      expect('{');
      while (!accept('}')) {
        String key = string();
        if (!seen.add(key)) {
          throw new MalformedHeaderException(
              "the header has the key '" + MatrixFile.printable(key) + "' twice");
        }
        expect(':');
        switch (key) {
          case "descr" -> descr = descr();
          case "fortran_order" -> fortranOrder = bool();
          case "shape" -> shape = shape();
          default ->
              throw new MalformedHeaderException(
                  "the header has the unknown key '" + MatrixFile.printable(key) + "'");
        }
        if (!accept(',')) {
          expect('}');
          break;
        }
      }
      skipSpace();
      if (position != text.length()) {
        throw malformed("nothing more");
      }
      if (descr == null || fortranOrder == null || shape == null) {
        throw new MalformedHeaderException(
            "the header lacks the key '"
                + (descr == null ? "descr" : fortranOrder == null ? "fortran_order" : "shape")
                + "'");
      }
      return new NpyHeader(descr, fortranOrder, List.copyOf(shape));
    }

    private String descr() throws MalformedHeaderException {
      skipSpace();
      if (position < text.length() && text.charAt(position) == '[') {
        throw new MalformedHeaderException(
            "the data type is a structure; save one of its fields, or a plain array");
      }
      return string();
    }

    private String string() throws MalformedHeaderException {
      skipSpace();
      char quote = position < text.length() ? text.charAt(position) : 0;
      int end = quote == '\'' || quote == '"' ? text.indexOf(quote, position + 1) : -1;
      if (end < 0) {
        throw malformed("a quoted string");
      }
      String value = text.substring(position + 1, end);
      position = end + 1;
      return value;
    }

    private boolean bool() throws MalformedHeaderException {
      skipSpace();
      for (String word : new String[] {"True", "False"}) {
        if (text.startsWith(word, position)) {
          position += word.length();
          return word.equals("True");
        }
      }
      throw malformed("True or False");
    }

    private List<Long> shape() throws MalformedHeaderException {
      List<Long> dimensions = new ArrayList<>();
      expect('(');
      while (!accept(')')) {
        if (dimensions.size() == MAX_DIMENSIONS) {
          throw new MalformedHeaderException(
              "the shape has more than " + MAX_DIMENSIONS + " dimensions");
        }
        dimensions.add(dimension());
        if (!accept(',')) {
          expect(')');
          break;
        }
      }
      return dimensions;
    }

    private long dimension() throws MalformedHeaderException {
      skipSpace();
      int start = position;
      while (position < text.length()
          && text.charAt(position) >= '0'
          && text.charAt(position) <= '9') {
        position++;
      }
      if (start == position) {
        throw malformed("a dimension, 0 or more,");
      }
      int end = position;
      // Python 2 writes its long integers so, as in (4L, 6L).
      if (position < text.length() && text.charAt(position) == 'L') {
        position++;
      }
      try {
        return Long.parseLong(text.substring(start, end));
      } catch (NumberFormatException e) {
        throw new MalformedHeaderException("a dimension of the shape exceeds 2^63 - 1");
      }
    }

    private boolean accept(char wanted) {
      skipSpace();
      if (position < text.length() && text.charAt(position) == wanted) {
        position++;
        return true;
      }
      return false;
    }

    private void expect(char wanted) throws MalformedHeaderException {
      if (!accept(wanted)) {
        throw malformed("'" + wanted + "'");
      }
    }

    private void skipSpace() {
      while (position < text.length() && " \t\r\n".indexOf(text.charAt(position)) >= 0) {
        position++;
      }
    }

    private MalformedHeaderException malformed(String wanted) {
      String found =
          position < text.length()
              ? "'" + MatrixFile.printable(text.charAt(position) + "") + "'"
              : "its end";
      return new MalformedHeaderException(
          String.format(
              Locale.ROOT,
              "the header is malformed: %s was expected at character %d, %s was found",
              wanted,
              position,
              found));
    }
  }
}

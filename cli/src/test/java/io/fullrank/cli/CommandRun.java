package io.fullrank.cli;

import io.fullrank.cli.terminal.Environment;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalInt;

/** What one command line brought about. */
public record CommandRun(int status, String out, String err) {

  public static CommandRun of(String... arguments) {
    return at(Path.of("no-installation"), arguments);
  }

  static CommandRun at(Path home, String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Environment environment =
        new Environment(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            OptionalInt.empty(),
            home);
    int status = Fullrank.commandLine(environment).execute(arguments);
    return new CommandRun(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}

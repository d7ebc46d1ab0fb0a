package io.fullrank.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Jazzer calls. Its state is static, since Jazzer makes no object. */
public final class Harness {

  private static FuzzTarget target;
  private static Path folder;

  private Harness() {}

  /** Takes the name of the target, and a folder for the files that it reads. */
  public static void fuzzerInitialize(String[] arguments) throws IOException {
    target = FuzzTarget.valueOf(arguments[0]);
    folder = Files.createDirectories(Path.of(arguments[1]));
  }

  /** Reads an input; what it throws is a finding. */
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    try {
      target.read(input, folder);
    } catch (Exception thrown) {
      if (!target.refuses(thrown)) {
        throw thrown;
      }
    }
  }
}

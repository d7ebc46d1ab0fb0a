package io.fullrank.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Fuzzes one target after the other, each in a process of its own, for a number of seconds. What
 * was learned stays in {@code FOLDER/TARGET/corpus} for the next time, and an input that is a
 * finding is written to {@code FOLDER/TARGET}.
 */
public final class FuzzCampaign {

  private static final int LONGEST_INPUT = 1 << 14;
  private static final int SECONDS_FOR_AN_INPUT = 10;
  private static final String OWN = "io.fullrank.**";
  // Hundreds of classes, which take minutes to instrument and have no branches to be found.
  private static final String GENERATED = "io.fullrank.proto.v1.**";

  private FuzzCampaign() {}

  /**
   * Runs it.
   *
   * @param arguments the folder of what is found, the project's root, the seconds for each target,
   *     and the names of the targets, separated by commas; none, all
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Path folder = Path.of(arguments[0]);
    Path root = Path.of(arguments[1]);
    int seconds = Integer.parseInt(arguments[2]);
    List<FuzzTarget> targets =
        arguments.length < 4 || arguments[3].isBlank()
            ? List.of(FuzzTarget.values())
            : Arrays.stream(arguments[3].split(","))
                .map(name -> FuzzTarget.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_')))
                .toList();
    List<FuzzTarget> found = new ArrayList<>();
    for (FuzzTarget target : targets) {
      System.out.println("Fuzzing " + target);
      if (fuzz(target, folder.resolve(target.name()), root, seconds) != 0) {
        found.add(target);
      }
    }
    System.out.printf("%d targets, findings in %s%n", targets.size(), found);
    System.exit(found.isEmpty() ? 0 : 1);
  }

  private static int fuzz(FuzzTarget target, Path folder, Path root, int seconds)
      throws IOException, InterruptedException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    List<byte[]> seeds = Seeds.of(target, root);
    for (int number = 0; number < seeds.size(); number++) {
      Files.write(corpus.resolve("seed-" + number), seeds.get(number));
    }
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            "-cp",
            System.getProperty("java.class.path"),
            "com.code_intelligence.jazzer.Jazzer",
            "--target_class=" + Harness.class.getName(),
            "--target_args=%s %s".formatted(target, folder.resolve("files")),
            "--instrumentation_includes=" + OWN,
            "--instrumentation_excludes=" + GENERATED,
            "--custom_hook_includes=" + OWN,
            "--custom_hook_excludes=" + GENERATED,
            "--reproducer_path=" + folder,
            "-artifact_prefix=" + folder + "/",
            "-max_total_time=" + seconds,
            "-max_len=" + LONGEST_INPUT,
            "-timeout=" + SECONDS_FOR_AN_INPUT,
            corpus.toString())
        .inheritIO()
        .start()
        .waitFor();
  }
}

package io.fullrank.certificate.backend.cuda;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * A JVM that finds, under the names of CUDA's libraries, some that do the same on the CPU (see
 * {@code src/test/native}). They are compiled by gcc, for the CUDA 12 and 13 that JavaCPP's
 * bindings may be linked against.
 */
final class CudaOnCpu {

  private final List<String> libraries;

  private CudaOnCpu(List<String> libraries) {
    this.libraries = libraries;
  }

  /** Whether there is a compiler for the libraries. */
  static boolean canBeBuilt() {
    try {
      return run(new ProcessBuilder("gcc", "--version")).exitCode == 0;
    } catch (UncheckedIOException e) {
      return false;
    }
  }

  /** Compiles the libraries into an empty directory. */
  static CudaOnCpu build(Path directory) {
    List<String> libraries = new ArrayList<>();
    libraries.add(gcc(directory, "empty", "libcuda.so.1"));
    libraries.add(gcc(directory, "empty", "libcusparse.so.12"));
    for (int major : new int[] {12, 13}) {
      String runtime = gcc(directory, "cudart", "libcudart.so." + major);
      libraries.add(runtime);
      libraries.add(gcc(directory, "empty", "libcublasLt.so." + major));
      libraries.add(gcc(directory, "cublas", "libcublas.so." + major, runtime));
      libraries.add(gcc(directory, "empty", "libcusolverMg.so." + (major - 1)));
      libraries.add(gcc(directory, "cusolver", "libcusolver.so." + (major - 1), runtime));
    }
    return new CudaOnCpu(libraries);
  }

  /** Compiles a library whose symbols have its name as their version, as CUDA's have. */
  private static String gcc(Path directory, String source, String name, String... needed) {
    Path version = directory.resolve(name + ".map");
    try {
      Files.writeString(version, name + " { global: *; };\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<String> command =
        new ArrayList<>(
            List.of(
                "gcc", "-std=gnu11", "-O2", "-ffp-contract=off", "-Wall", "-Werror", "-shared"));
    command.addAll(List.of("-fPIC", "-Wl,-soname," + name, "-Wl,--version-script=" + version));
    String library = directory.resolve(name).toString();
    command.addAll(List.of("-o", library));
    command.add(Path.of("src/test/native", source + ".c").toString());
    command.addAll(List.of(needed));
    command.addAll(List.of("-Wl,-rpath,$ORIGIN", "-lm"));
    Result result = run(new ProcessBuilder(command));
    if (result.exitCode != 0) {
      throw new IllegalStateException("gcc: " + result.errors);
    }
    return library;
  }

  /** The exit status and the output of a process. */
  record Result(int exitCode, String output, String errors) {}

  /** Runs a class there. */
  Result java(Class<?> main, Map<String, String> environment, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    // JavaCPP looks where CUDA is usually installed; what is loaded already goes before that.
    builder.environment().put("LD_PRELOAD", String.join(":", libraries));
    builder.environment().putAll(environment);
    return run(builder);
  }

  private static Result run(ProcessBuilder builder) {
    try {
      Path errors = Files.createTempFile("cuda-on-cpu", ".txt");
      try {
        Process process =
            builder
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectError(errors.toFile())
                .start();
        byte[] output = process.getInputStream().readAllBytes();
        int exitCode = process.waitFor();
        return new Result(
            exitCode,
            new String(output, StandardCharsets.UTF_8).strip(),
            Files.readString(errors).strip());
      } finally {
        Files.delete(errors);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Runs the tests of the classes named, and says how that went. */
  static final class Tests {
    private Tests() {}

    public static void main(String[] classes) {
      LauncherDiscoveryRequest request =
          LauncherDiscoveryRequestBuilder.request()
              .selectors(Arrays.stream(classes).map(name -> selectClass(name)).toList())
              .build();
      SummaryGeneratingListener listener = new SummaryGeneratingListener();
      LauncherFactory.create().execute(request, listener);
      PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
      listener.getSummary().printFailuresTo(out, 20);
      out.printf(
          "%d succeeded, %d failed, %d skipped%n",
          listener.getSummary().getTestsSucceededCount(),
          listener.getSummary().getTotalFailureCount(),
          listener.getSummary().getTestsFoundCount()
              - listener.getSummary().getTestsStartedCount()
              + listener.getSummary().getTestsAbortedCount());
      System.exit(listener.getSummary().getTotalFailureCount() == 0 ? 0 : 1);
    }
  }
}

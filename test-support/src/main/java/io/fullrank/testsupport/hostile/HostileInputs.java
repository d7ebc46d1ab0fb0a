package io.fullrank.testsupport.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Gives a reader thousands of changed inputs. Each has to be read, or refused by one of the types
 * that the reader promises, without claiming memory that the input does not account for.
 *
 * @param seed of the changes
 * @param inputs what is changed
 * @param refusals the types of exceptions that are refusals
 * @param allocation bytes of heap that a reading may allocate, besides {@value #FOR_EACH_BYTE} for
 *     each byte of the input
 */
public record HostileInputs(
    long seed, List<byte[]> inputs, Set<Class<? extends Exception>> refusals, long allocation) {

  /** What parsed objects take, generously. */
  private static final long FOR_EACH_BYTE = 1000;

  private static final int SHOWN = 2000;

  /** What is tested. */
  @FunctionalInterface
  public interface Reader {
    void read(byte[] input) throws Exception;
  }

  /** What became of the inputs. */
  public record Outcome(int read, int refused) {}

  /**
   * Reads changed inputs.
   *
   * @param count how many
   * @throws AssertionError with the input if one was neither read nor refused
   */
  public Outcome give(int count, Reader reader) {
    for (byte[] input : inputs) {
      // The inputs themselves have to be readable, and what is read once is loaded.
      assertThat(refused(input, reader)).as("an input that is not changed").isFalse();
    }
    Mutations mutations = new Mutations(seed);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int refused = 0;
    for (int number = 0; number < count; number++) {
      byte[] input = mutations.ofOneOf(inputs);
      long before = threads.getCurrentThreadAllocatedBytes();
      refused += refused(input, reader) ? 1 : 0;
      assertThat(threads.getCurrentThreadAllocatedBytes() - before)
          .as(() -> "bytes that were allocated for " + shown(input))
          .isLessThan(allocation + FOR_EACH_BYTE * input.length);
    }
    return new Outcome(count - refused, refused);
  }

  private boolean refused(byte[] input, Reader reader) {
    try {
      reader.read(input);
      return false;
    } catch (Throwable thrown) {
      if (refusals.stream().anyMatch(type -> type.isInstance(thrown))) {
        return true;
      }
      throw new AssertionError("neither read nor refused: " + shown(input), thrown);
    }
  }

  private static String shown(byte[] input) {
    String hex = HexFormat.of().formatHex(input);
    return "%d bytes, %s".formatted(input.length, hex.substring(0, Math.min(SHOWN, hex.length())));
  }
}

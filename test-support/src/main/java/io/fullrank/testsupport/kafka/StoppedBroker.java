package io.fullrank.testsupport.kafka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.common.record.internal.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * The folder of a broker that was killed: brings about what a broker leaves behind that dies at the
 * wrong moment.
 */
public final class StoppedBroker {

  private static final String TRANSACTIONS = "__transaction_state";
  // In a value of the transactions' topic, behind its version, producer, epoch and timeout.
  private static final int STATE_INDEX = 16;
  private static final byte COMPLETE_COMMIT = 4;

  private final Path folder;

  /** Takes the folder that the broker was started with. */
  public StoppedBroker(Path folder) {
    this.folder = folder.resolve("log");
  }

  /**
   * Takes the marker away that ends the last transaction in partitions, where it is their last
   * record: as if the coordinator had never written it.
   *
   * @return the partitions that had one, such as {@code fullrank.verdicts-3}
   */
  public List<String> loseLastMarkers(Predicate<String> partitions) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(Files::isDirectory)
          .map(partition -> partition.getFileName().toString())
          .filter(partition -> partition.matches(".+-\\d+"))
          .filter(partition -> !partition.startsWith(TRANSACTIONS))
          .filter(partitions)
          .filter(partition -> loseLast(partition, RecordBatch::isControlBatch))
          .toList();
    }
  }

  /**
   * Takes the last records of the coordinators away where they say that a commit is complete: as if
   * they had died with it prepared.
   *
   * @return how many partitions of the transactions' topic ended so
   */
  public long loseLastCompletions() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(partition -> partition.getFileName().toString())
          .filter(partition -> partition.startsWith(TRANSACTIONS))
          .filter(partition -> loseLast(partition, StoppedBroker::completesACommit))
          .count();
    }
  }

  /** Takes all away that the coordinator of a transactional id knows. */
  public void forget(String transactionalId, int coordinators) throws IOException {
    int partition = Math.abs(transactionalId.hashCode()) % coordinators;
    try (FileRecords records = open(TRANSACTIONS + "-" + partition)) {
      records.truncateTo(0);
    }
  }

  private boolean loseLast(String partition, Predicate<RecordBatch> wanted) {
    try (FileRecords records = open(partition)) {
      FileChannelRecordBatch last = null;
      for (FileChannelRecordBatch batch : records.batches()) {
        last = batch;
      }
      boolean found = last != null && wanted.test(last);
      if (found) {
        records.truncateTo(last.position());
      }
      return found;
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private static boolean completesACommit(RecordBatch batch) {
    boolean completes = false;
    for (Record record : batch) {
      completes = record.hasValue() && record.value().get(STATE_INDEX) == COMPLETE_COMMIT;
    }
    return completes;
  }

  private FileRecords open(String partition) throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve(partition))) {
      Path newest =
          files.filter(file -> file.toString().endsWith(".log")).max(Path::compareTo).orElseThrow();
      return FileRecords.open(newest.toFile(), true, true, 0, false);
    }
  }
}

package io.fullrank.cli.terminal;

import io.fullrank.proto.v1.Run;
import java.util.List;

/** Shows people how runs get on. */
public interface ProgressDisplay extends AutoCloseable {

  /** Shows the runs as they are now. */
  void show(List<Run> runs);

  /** Ends the display. */
  @Override
  void close();
}

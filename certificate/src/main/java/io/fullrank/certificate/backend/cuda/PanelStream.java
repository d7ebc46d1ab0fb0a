package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cudart.cudaEventCreateWithFlags;
import static org.bytedeco.cuda.global.cudart.cudaEventDestroy;
import static org.bytedeco.cuda.global.cudart.cudaEventDisableTiming;
import static org.bytedeco.cuda.global.cudart.cudaEventRecord;
import static org.bytedeco.cuda.global.cudart.cudaEventSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyAsync;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyHostToDevice;
import static org.bytedeco.cuda.global.cudart.cudaStreamCreateWithFlags;
import static org.bytedeco.cuda.global.cudart.cudaStreamDestroy;
import static org.bytedeco.cuda.global.cudart.cudaStreamNonBlocking;
import static org.bytedeco.cuda.global.cudart.cudaStreamSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaStreamWaitEvent;

import java.util.function.Consumer;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.DoublePointer;

/**
 * Copies panels of equal size to the device, one after the other and ahead of the work that reads
 * them: the host and the device have two buffers each, which are used in turn.
 */
final class PanelStream implements AutoCloseable {

  private static final int TURNS = 2;

  private final CudaSession session;
  private final DeviceDoubles device;
  private final long panelEntries;
  private final PinnedDoubles[] host = new PinnedDoubles[TURNS];
  private final CUstream_st copies = new CUstream_st();
  private final CUevent_st[] copied = new CUevent_st[TURNS];
  private final CUevent_st[] used = new CUevent_st[TURNS];
  private int turn;

  /**
   * Prepares the buffers.
   *
   * @param session does the work that reads the panels
   * @param device has room for two panels at its beginning
   */
  PanelStream(CudaSession session, DeviceDoubles device, long panelEntries) {
    this.session = session;
    this.device = device;
    this.panelEntries = panelEntries;
    try {
      CudaSession.check(
          cudaStreamCreateWithFlags(copies, cudaStreamNonBlocking), "cudaStreamCreate");
      for (int k = 0; k < TURNS; k++) {
        host[k] = PinnedDoubles.allocate(panelEntries);
        copied[k] = event();
        used[k] = event();
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static CUevent_st event() {
    CUevent_st event = new CUevent_st();
    CudaSession.check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "cudaEventCreate");
    return event;
  }

  /**
   * Copies the next panel.
   *
   * @param entries the number of its entries
   * @param fill writes them, on the host
   * @param use queues the session's work on them, on the device
   */
  void next(long entries, Consumer<DoublePointer> fill, Consumer<DoublePointer> use) {
    DoublePointer from = host[turn].at(0);
    DoublePointer to = device.at(turn * panelEntries, entries);
    // An event that has not been recorded yet counts as past.
    CudaSession.check(cudaEventSynchronize(copied[turn]), "a copy to the device");
    fill.accept(from);
    CudaSession.check(cudaStreamWaitEvent(copies, used[turn], 0), "cudaStreamWaitEvent");
    CudaSession.check(
        cudaMemcpyAsync(to, from, entries * Double.BYTES, cudaMemcpyHostToDevice, copies),
        "cudaMemcpy");
    CudaSession.check(cudaEventRecord(copied[turn], copies), "cudaEventRecord");
    CudaSession.check(
        cudaStreamWaitEvent(session.stream(), copied[turn], 0), "cudaStreamWaitEvent");
    use.accept(to);
    CudaSession.check(cudaEventRecord(used[turn], session.stream()), "cudaEventRecord");
    turn = (turn + 1) % TURNS;
  }

  /** Waits for the copies, and frees what they need on the host. */
  @Override
  public void close() {
    if (!copies.isNull()) {
      CudaSession.check(cudaStreamSynchronize(copies), "a copy to the device");
      CudaSession.check(cudaStreamDestroy(copies), "cudaStreamDestroy");
      copies.setNull();
    }
    for (int k = 0; k < TURNS; k++) {
      destroy(copied[k]);
      destroy(used[k]);
      if (host[k] != null) {
        host[k].close();
      }
    }
  }

  private static void destroy(CUevent_st event) {
    if (event != null && !event.isNull()) {
      CudaSession.check(cudaEventDestroy(event), "cudaEventDestroy");
      event.setNull();
    }
  }
}

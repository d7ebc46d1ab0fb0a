package io.fullrank.checker;

import io.fullrank.certificate.Certificate;
import io.fullrank.certificate.InsufficientMemoryException;
import io.fullrank.certificate.NonFiniteEntryException;
import io.fullrank.certificate.RankCertification;
import io.fullrank.proto.v1.CheckMatrixRequest;
import io.fullrank.proto.v1.CheckMatrixResponse;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.proto.v1.MatrixHeader;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import jakarta.annotation.PreDestroy;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jboss.logging.Logger;

/**
 * Certifies matrices that clients stream.
 *
 * <p>One thread does all the work, one message after the other, so that no event loop is blocked
 * and there is one decomposition at a time; a client is asked for its next message when the one
 * before is dealt with. All uploads together take a bounded amount of memory.
 */
@GrpcService
public class MatrixCheckService extends CheckerServiceGrpc.CheckerServiceImplBase {

  private static final Logger LOG = Logger.getLogger(MatrixCheckService.class);

  private final RankCertification certification;
  private final OneAtATime oneAtATime;
  private final long maxBytes;
  private final ExecutorService worker;
  // Of the worker alone.
  private long reservedBytes;

  MatrixCheckService(
      RankCertification certification, OneAtATime oneAtATime, CheckerConfiguration configuration) {
    this.certification = certification;
    this.oneAtATime = oneAtATime;
    this.maxBytes = configuration.maxMatrixBytes();
    this.worker =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread daemon = new Thread(task, "matrix-check");
              daemon.setDaemon(true);
              return daemon;
            });
  }

  @PreDestroy
  void stop() {
    worker.shutdownNow();
  }

  @Override
  public StreamObserver<CheckMatrixRequest> checkMatrix(
      StreamObserver<CheckMatrixResponse> responses) {
    ServerCallStreamObserver<CheckMatrixResponse> call =
        (ServerCallStreamObserver<CheckMatrixResponse>) responses;
    Upload upload = new Upload(call);
    call.disableAutoRequest();
    call.setOnCancelHandler(() -> worker.execute(upload::release));
    call.request(1);
    return upload;
  }

  /** One client's matrix. The methods with work run on the worker. */
  private final class Upload implements StreamObserver<CheckMatrixRequest> {

    private final ServerCallStreamObserver<CheckMatrixResponse> call;
    private IncomingMatrix matrix;
    private long bytes;
    private boolean ended;

    Upload(ServerCallStreamObserver<CheckMatrixResponse> call) {
      this.call = call;
    }

    @Override
    public void onNext(CheckMatrixRequest request) {
      worker.execute(() -> attempt(() -> take(request)));
    }

    @Override
    public void onCompleted() {
      worker.execute(() -> attempt(this::certify));
    }

    @Override
    public void onError(Throwable cancelled) {
      worker.execute(this::release);
    }

    private void take(CheckMatrixRequest request) throws StatusException {
      switch (request.getPartCase()) {
        case HEADER -> begin(request.getHeader());
        case DATA -> {
          if (matrix == null) {
            throw invalid("data: comes before the header");
          }
          matrix.append(request.getData());
        }
        case PART_NOT_SET -> throw invalid("part: neither header nor data");
      }
      call.request(1);
    }

    private void begin(MatrixHeader header) throws StatusException {
      if (matrix != null) {
        throw invalid("header: comes a second time");
      }
      long needed = IncomingMatrix.bytes(header);
      if (needed > maxBytes) {
        throw exhausted(
            "the matrix takes %d bytes as float64, at most %d are allowed; the server's"
                    .formatted(needed, maxBytes)
                + " fullrank.checker.max-matrix-bytes sets the limit");
      }
      if (needed > maxBytes - reservedBytes) {
        throw exhausted(
            "the matrix takes %d bytes as float64, of the %d allowed other matrices have taken %d;"
                    .formatted(needed, maxBytes, reservedBytes)
                + " try again later");
      }
      matrix = IncomingMatrix.allocate(header);
      bytes = needed;
      reservedBytes += needed;
    }

    private void certify() throws StatusException {
      if (matrix == null) {
        throw invalid("header: is missing");
      }
      var complete = matrix.complete();
      Certificate certificate;
      try {
        certificate = oneAtATime.compute(() -> certification.certify(complete));
      } catch (NonFiniteEntryException notANumber) {
        throw invalid("data: " + notANumber.getMessage());
      } catch (InsufficientMemoryException tooLarge) {
        throw exhausted(tooLarge.getMessage());
      }
      release();
      call.onNext(
          CheckMatrixResponse.newBuilder()
              .setCertificate(Certificates.toProto(certificate))
              .build());
      call.onCompleted();
    }

    private void attempt(Step step) {
      if (ended) {
        return;
      }
      try {
        step.run();
      } catch (StatusException refused) {
        release();
        call.onError(refused);
      } catch (RuntimeException | OutOfMemoryError failed) {
        LOG.error("A matrix check failed", failed);
        release();
        call.onError(Status.INTERNAL.withDescription("the check failed: " + failed).asException());
      }
    }

    private void release() {
      ended = true;
      if (matrix != null) {
        matrix.close();
        matrix = null;
        reservedBytes -= bytes;
      }
    }
  }

  /** A step that may refuse the call. */
  private interface Step {
    void run() throws StatusException;
  }

  private static StatusException invalid(String message) {
    return Status.INVALID_ARGUMENT.withDescription(message).asException();
  }

  private static StatusException exhausted(String message) {
    return Status.RESOURCE_EXHAUSTED.withDescription(message).asException();
  }
}

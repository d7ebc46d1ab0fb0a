package io.fullrank.checker.endpoint;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.RequestedMethod;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.checker.check.Certificates;
import io.fullrank.checker.configuration.CheckerConfiguration;
import io.fullrank.checker.judgement.OneAtATime;
import io.fullrank.proto.v1.CheckMatrixRequest;
import io.fullrank.proto.v1.CheckMatrixResponse;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.proto.v1.MatrixHeader;
import io.fullrank.service.runtime.UploadPace;
import io.fullrank.service.runtime.VitalTasks;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import jakarta.annotation.PreDestroy;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * Certifies matrices that clients stream.
 *
 * <p>One thread does all the work, one message after the other, so that no event loop is blocked
 * and there is one decomposition at a time; a client is asked for its next message when the one
 * before is dealt with. All uploads together take a bounded amount of memory, and a client that
 * does not go on with its upload, or not at the {@linkplain UploadPace least pace}, is cut off. A
 * computation ends with the call that it is for.
 */
@GrpcService
public class MatrixCheckService extends CheckerServiceGrpc.CheckerServiceImplBase {

  private static final Logger LOG = Logger.getLogger(MatrixCheckService.class);

  /** More primes would not make a refutation any surer, but keep the worker busy for hours. */
  private static final int MAX_PRIMES = 1000;

  private final DenseLinearAlgebra algebra;
  private final OneAtATime oneAtATime;
  private final long maxBytes;
  private final Duration idleTimeout;
  private final ScheduledThreadPoolExecutor worker;
  private final VitalTasks tasks;
  // Only the worker uses it.
  private long reservedBytes;

  MatrixCheckService(
      DenseLinearAlgebra algebra,
      OneAtATime oneAtATime,
      CheckerConfiguration configuration,
      VitalTasks tasks) {
    this.tasks = tasks;
    this.algebra = algebra;
    this.oneAtATime = oneAtATime;
    this.maxBytes = configuration.maxMatrixBytes();
    this.idleTimeout = configuration.matrixIdleTimeout();
    this.worker =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread daemon = new Thread(task, "matrix-check");
              daemon.setDaemon(true);
              return daemon;
            });
    this.worker.setRemoveOnCancelPolicy(true);
  }

  private void onWorker(Runnable task) {
    worker.execute(tasks.guard(task));
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
    Upload upload = new Upload(call, Context.current());
    call.disableAutoRequest();
    call.setOnCancelHandler(() -> onWorker(upload::release));
    onWorker(upload::awaitNext);
    return upload;
  }

  /** One client's matrix. The methods that take long run on the worker. */
  private final class Upload implements StreamObserver<CheckMatrixRequest> {

    private final ServerCallStreamObserver<CheckMatrixResponse> call;
    // It is cancelled when the deadline passes, the client cancels, or the connection is lost.
    private final Context context;
    private MatrixHeader header;
    private IncomingMatrix matrix;
    private long bytes;
    private UploadPace pace = UploadPace.atStart(idleTimeout);
    // In System.nanoTime().
    private long waitsSince;
    private boolean ended;
    private Future<?> cutOff = CompletableFuture.completedFuture(null);

    Upload(ServerCallStreamObserver<CheckMatrixResponse> call, Context context) {
      this.call = call;
      this.context = context;
    }

    @Override
    public void onNext(CheckMatrixRequest request) {
      // The worker may be busy: that time is not the client's.
      long arrival = System.nanoTime();
      onWorker(() -> attempt(() -> take(request, arrival)));
    }

    @Override
    public void onCompleted() {
      onWorker(() -> attempt(this::certify));
    }

    @Override
    public void onError(Throwable cancelled) {
      onWorker(this::release);
    }

    private void awaitNext() {
      if (ended) {
        return;
      }
      waitsSince = System.nanoTime();
      cutOff =
          worker.schedule(
              tasks.guard(() -> attempt(this::giveUp)),
              pace.patience().toNanos(),
              TimeUnit.NANOSECONDS);
      call.request(1);
    }

    private void giveUp() throws StatusException {
      String limit = "; the server's fullrank.checker.matrix-idle-timeout sets the limit";
      throw Status.DEADLINE_EXCEEDED
          .withDescription(
              pace.isSlow()
                  ? "data: %d bytes came in more than %s, and %d bytes a second are expected after %s%s"
                      .formatted(
                          pace.bytes(),
                          pace.waited(),
                          UploadPace.LEAST_BYTES_PER_SECOND,
                          idleTimeout,
                          limit)
                  : "nothing came for %s%s".formatted(idleTimeout, limit))
          .asException();
    }

    private void take(CheckMatrixRequest request, long arrival) throws StatusException {
      cutOff.cancel(false);
      switch (request.getPartCase()) {
        case HEADER -> begin(request.getHeader());
        case DATA -> {
          if (matrix == null) {
            throw invalid("data: comes before the header");
          }
          if (request.getData().isEmpty()) {
            throw invalid("data: an empty piece");
          }
          matrix.append(request.getData());
          pace = pace.after(Duration.ofNanos(arrival - waitsSince), request.getData().size());
        }
        case PART_NOT_SET -> throw invalid("part: neither header nor data");
      }
      awaitNext();
    }

    private void begin(MatrixHeader header) throws StatusException {
      if (matrix != null) {
        throw invalid("header: comes a second time");
      }
      method(header);
      maxPrimes(header);
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
      this.header = header;
      matrix = IncomingMatrix.allocate(header);
      bytes = needed;
      reservedBytes += needed;
    }

    private void certify() throws StatusException {
      cutOff.cancel(false);
      if (matrix == null) {
        throw invalid("header: is missing");
      }
      Matrix complete = matrix.complete();
      RankCertification certification = method(header).with(algebra, maxPrimes(header));
      CheckMatrixResponse response;
      try {
        response = oneAtATime.compute(() -> respond(complete, certification));
      } catch (NonFiniteEntryException notANumber) {
        throw invalid("data: " + notANumber.getMessage());
      } catch (InsufficientMemoryException tooLarge) {
        throw exhausted(tooLarge.getMessage());
      } catch (InexactBackendException broken) {
        throw Status.INTERNAL.withDescription(broken.getMessage()).withCause(broken).asException();
      } catch (CertificationCancelledException nobodyWaits) {
        throw Contexts.statusFromCancelled(context).asException();
      }
      release();
      call.onNext(response);
      call.onCompleted();
    }

    private CheckMatrixResponse respond(Matrix complete, RankCertification certification) {
      Cancellation cancellation = context::isCancelled;
      // The call may have been cancelled while it waited for its turn.
      cancellation.check();
      Certificate certificate = certification.certify(complete, cancellation);
      CheckMatrixResponse.Builder response =
          CheckMatrixResponse.newBuilder().setCertificate(Certificates.toProto(certificate));
      if (header.getSpectrum()) {
        response.setSpectrum(
            Certificates.toProto(Spectrum.of(complete, certificate, algebra, cancellation)));
      }
      return response.build();
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
      cutOff.cancel(false);
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

  private static RequestedMethod method(MatrixHeader header) throws StatusException {
    return switch (header.getMethod()) {
      case CHECK_METHOD_UNSPECIFIED, CHECK_METHOD_AUTOMATIC -> RequestedMethod.AUTO;
      case CHECK_METHOD_CHOLESKY -> RequestedMethod.CHOLESKY;
      case CHECK_METHOD_MODULAR -> RequestedMethod.MODULAR;
      case UNRECOGNIZED ->
          throw invalid("header.method: unknown method %d".formatted(header.getMethodValue()));
    };
  }

  private static int maxPrimes(MatrixHeader header) throws StatusException {
    // The number is unsigned, and Java takes its highest bit for a sign.
    if (header.getMaxPrimes() < 0 || header.getMaxPrimes() > MAX_PRIMES) {
      throw invalid(
          "header.max_primes: %s, at most %d are allowed"
              .formatted(Integer.toUnsignedString(header.getMaxPrimes()), MAX_PRIMES));
    }
    return header.getMaxPrimes() == 0 ? ModularRank.DEFAULT_MAX_PRIMES : header.getMaxPrimes();
  }

  private static StatusException invalid(String message) {
    return Status.INVALID_ARGUMENT.withDescription(message).asException();
  }

  private static StatusException exhausted(String message) {
    return Status.RESOURCE_EXHAUSTED.withDescription(message).asException();
  }
}

package io.fullrank.trainer.endpoint;

import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.trainer.ingest.Ingest;
import io.fullrank.trainer.ingest.Registrations;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import io.smallrye.common.annotation.Blocking;

/** What programs outside Fullrank call to report the runs that they train. */
@GrpcService
public class IngestEndpoint extends IngestServiceGrpc.IngestServiceImplBase {

  private final Registrations registrations;
  private final Ingest ingest;

  /** Answers with these. */
  public IngestEndpoint(Registrations registrations, Ingest ingest) {
    this.registrations = registrations;
    this.ingest = ingest;
  }

  @Override
  @Blocking
  public void registerRun(
      RegisterRunRequest request, StreamObserver<RegisterRunResponse> response) {
    try {
      response.onNext(registrations.register(request));
      response.onCompleted();
    } catch (StatusException refused) {
      response.onError(refused);
    }
  }

  @Override
  public StreamObserver<ReportRequest> report(StreamObserver<ReportResponse> responses) {
    return ingest.report((ServerCallStreamObserver<ReportResponse>) responses);
  }
}

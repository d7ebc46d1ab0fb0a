import com.google.protobuf.ByteString;
import io.fullrank.proto.v1.CheckMatrixRequest;
import io.fullrank.proto.v1.CheckMatrixResponse;
import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.MatrixHeader;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/**
 * Streams a random matrix to a checker, {@code ADDRESS ROWS COLUMNS}, and prints the outcome and the
 * backend.
 */
final class CheckMatrix {

  private CheckMatrix() {}

  public static void main(String[] arguments) throws Exception {
    int rows = Integer.parseInt(arguments[1]);
    int columns = Integer.parseInt(arguments[2]);
    CompletableFuture<CheckMatrixResponse> answer = new CompletableFuture<>();
    ManagedChannel channel =
        ManagedChannelBuilder.forTarget("dns:///" + arguments[0]).usePlaintext().build();
    try {
      CheckerServiceGrpc.newStub(channel).checkMatrix(new Rows(rows, columns, answer));
      CheckMatrixResponse response = answer.get();
      System.out.println(
          response.getCertificate().getOutcome() + " by " + response.getCertificate().getBackend());
    } finally {
      channel.shutdownNow();
    }
  }

  /** Sends a row whenever the server has room for one. */
  private static final class Rows
      implements ClientResponseObserver<CheckMatrixRequest, CheckMatrixResponse> {

    private final int rows;
    private final int columns;
    private final CompletableFuture<CheckMatrixResponse> answer;
    private final Random random = new Random(1);
    private int sent;

    Rows(int rows, int columns, CompletableFuture<CheckMatrixResponse> answer) {
      this.rows = rows;
      this.columns = columns;
      this.answer = answer;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<CheckMatrixRequest> requests) {
      requests.setOnReadyHandler(() -> send(requests));
    }

    private void send(ClientCallStreamObserver<CheckMatrixRequest> requests) {
      if (sent == 0 && requests.isReady()) {
        requests.onNext(
            CheckMatrixRequest.newBuilder()
                .setHeader(
                    MatrixHeader.newBuilder()
                        .setRows(rows)
                        .setColumns(columns)
                        .setType(DataType.DATA_TYPE_FLOAT64))
                .build());
      }
      while (sent < rows && requests.isReady()) {
        ByteBuffer row = ByteBuffer.allocate(8 * columns).order(ByteOrder.LITTLE_ENDIAN);
        for (int column = 0; column < columns; column++) {
          row.putDouble(random.nextGaussian());
        }
        requests.onNext(
            CheckMatrixRequest.newBuilder().setData(ByteString.copyFrom(row.flip())).build());
        if (++sent == rows) {
          requests.onCompleted();
        }
      }
    }

    @Override
    public void onNext(CheckMatrixResponse response) {
      answer.complete(response);
    }

    @Override
    public void onError(Throwable failed) {
      answer.completeExceptionally(failed);
    }

    @Override
    public void onCompleted() {}
  }
}

package io.fullrank.cli.client;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Makes plain text of what servers say, messages and reasons of failures alike. It is printed, and
 * the control characters of a server that is not to be trusted would speak to the terminal; each
 * becomes a space.
 */
final class PlainText implements ClientInterceptor {

  /** Control characters of ASCII and Latin-1, and those that end lines or turn text around. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]");

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<R> listener, Metadata headers) {
        super.start(new Plain<>(listener), headers);
      }
    };
  }

  private static final class Plain<R> extends SimpleForwardingClientCallListener<R> {

    Plain(ClientCall.Listener<R> listener) {
      super(listener);
    }

    @Override
    @SuppressWarnings("unchecked") // A message stays one of its type.
    public void onMessage(R message) {
      super.onMessage((R) of((Message) message));
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      super.onClose(
          status.getDescription() == null
              ? status
              : status.withDescription(of(status.getDescription())),
          trailers);
    }
  }

  private static String of(String text) {
    return CONTROL.matcher(text).replaceAll(" ");
  }

  /** Returns a message whose texts are plain, which is the same one if they are. */
  private static Message of(Message message) {
    Message.Builder plain = null;
    for (Map.Entry<FieldDescriptor, Object> field : message.getAllFields().entrySet()) {
      JavaType type = field.getKey().getJavaType();
      if (type != JavaType.STRING && type != JavaType.MESSAGE) {
        continue;
      }
      Object value = field.getValue();
      Object replacement =
          value instanceof List<?> values ? values.stream().map(PlainText::of).toList() : of(value);
      if (!replacement.equals(value)) {
        plain = plain == null ? message.toBuilder() : plain;
        plain.setField(field.getKey(), replacement);
      }
    }
    return plain == null ? message : plain.build();
  }

  private static Object of(Object value) {
    return value instanceof Message message ? of(message) : of((String) value);
  }
}

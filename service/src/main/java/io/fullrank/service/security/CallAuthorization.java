package io.fullrank.service.security;

import io.fullrank.proto.v1.Role;
import io.fullrank.proto.v1.RoleProto;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusException;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;

/**
 * Lets those gRPC calls through whose caller has the role that the method's {@code role} option
 * names. Every caller may ask for health, every reader for reflection.
 */
public final class CallAuthorization implements ServerInterceptor {

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Authorization authorization;

  CallAuthorization(Authorization authorization) {
    this.authorization = authorization;
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    MethodDescriptor<Q, R> method = call.getMethodDescriptor();
    if (!"grpc.health.v1.Health".equals(method.getServiceName())) {
      try {
        Caller caller =
            authorization.require(
                required(method),
                headers.get(AUTHORIZATION),
                call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION));
        return Contexts.interceptCall(
            Context.current().withValue(Caller.NAME, caller.name()), call, headers, next);
      } catch (StatusException refused) {
        call.close(refused.getStatus(), new Metadata());
        return new ServerCall.Listener<>() {};
      }
    }
    return next.startCall(call, headers);
  }

  public static Role required(MethodDescriptor<?, ?> method) {
    if (method.getServiceName() != null && method.getServiceName().startsWith("grpc.reflection.")) {
      return Role.ROLE_READER;
    }
    return method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier schema
        ? schema.getMethodDescriptor().getOptions().getExtension(RoleProto.role)
        : Role.ROLE_UNSPECIFIED;
  }
}

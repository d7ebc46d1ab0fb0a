package io.fullrank.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.CheckerServiceGrpc;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Role;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.fullrank.service.security.CallAuthorization;
import io.fullrank.service.security.Caller;
import io.grpc.MethodDescriptor;
import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class CallRolesTest {

  @Test
  void everyCallSaysWhoMayMakeIt() {
    Map<String, Role> roles = new TreeMap<>();
    Stream.of(
            TrainerServiceGrpc.getServiceDescriptor(),
            IngestServiceGrpc.getServiceDescriptor(),
            CheckerServiceGrpc.getServiceDescriptor(),
            MetricsServiceGrpc.getServiceDescriptor())
        .flatMap(service -> service.getMethods().stream())
        .forEach(
            method -> roles.put(method.getBareMethodName(), CallAuthorization.required(method)));

    assertThat(roles)
        .containsExactlyInAnyOrderEntriesOf(
            Map.ofEntries(
                Map.entry("SubmitExperiment", Role.ROLE_SUBMITTER),
                Map.entry("CancelRun", Role.ROLE_SUBMITTER),
                Map.entry("RegisterRun", Role.ROLE_SUBMITTER),
                Map.entry("Report", Role.ROLE_SUBMITTER),
                Map.entry("CheckMatrix", Role.ROLE_SUBMITTER),
                Map.entry("DeleteExperiment", Role.ROLE_ADMIN),
                Map.entry("CompareGeneralization", Role.ROLE_READER),
                Map.entry("CompareTestErrors", Role.ROLE_READER),
                Map.entry("ListAttention", Role.ROLE_READER),
                Map.entry("GetRun", Role.ROLE_READER),
                Map.entry("ListExperiments", Role.ROLE_READER),
                Map.entry("ListProgress", Role.ROLE_READER),
                Map.entry("ListRuns", Role.ROLE_READER),
                Map.entry("ListVerdicts", Role.ROLE_READER),
                Map.entry("WatchExperiment", Role.ROLE_READER),
                Map.entry("WatchRun", Role.ROLE_READER)));
  }

  @Test
  void aCallThatDoesNotSayIsNobodys() {
    MethodDescriptor<?, ?> silent =
        TrainerServiceGrpc.getCancelRunMethod().toBuilder().setSchemaDescriptor(null).build();

    assertThat(CallAuthorization.required(silent)).isEqualTo(Role.ROLE_UNSPECIFIED);
    assertThat(new Caller("ops", EnumSet.allOf(Role.class)).is(Role.ROLE_UNSPECIFIED)).isFalse();
  }
}

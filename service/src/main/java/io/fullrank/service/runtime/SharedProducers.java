package io.fullrank.service.runtime;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.service.security.KafkaConfiguration;
import io.micrometer.core.instrument.config.MeterFilter;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.Set;

/** Makes the parts that all services are wired with. */
@Singleton
public class SharedProducers {

  @Produces
  @Singleton
  KafkaConnection kafka(KafkaConfiguration configuration) {
    return configuration.connection();
  }

  @Produces
  @Singleton
  VitalTasks tasks() {
    return new VitalTasks("A task of the service");
  }

  /** Leaves out meters of Micrometer's own whose names Prometheus' conventions do not allow. */
  @Produces
  @Singleton
  MeterFilter wellNamed() {
    Set<String> illNamed = Set.of("process.cpu.time", "system.cpu.count");
    return MeterFilter.deny(meter -> illNamed.contains(meter.getName()));
  }

  @Produces
  @Singleton
  MeterFilter methodTypeInSnakeCase() {
    return MeterFilter.renameTag("grpc.server", "methodType", "method_type");
  }

  @Produces
  @Singleton
  MeterFilter statusCodeInSnakeCase() {
    return MeterFilter.renameTag("grpc.server", "statusCode", "status_code");
  }
}

package io.fullrank.cli.health;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.fullrank.testsupport.process.JavaCommand;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthCheckTest {

  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir Path folder;

  @Test
  void tellsReadinessByItsStatus() throws Exception {
    HttpServer server = onLoopback();
    answer(server, 200);
    server.start();
    try {
      assertThat(check(server, false)).isZero();
      server.removeContext("/q/health/ready");
      answer(server, 503);
      assertThat(check(server, false)).isEqualTo(1);
    } finally {
      server.stop(0);
    }
    assertThat(check(server, false)).isEqualTo(1);
  }

  @Test
  void asksThePortThatTheEnvironmentNames() throws Exception {
    HttpServer elsewhere = onLoopback();
    answer(elsewhere, 200);
    elsewhere.start();
    HttpServer configured = onLoopback();
    answer(configured, 503);
    configured.start();
    try {
      String port = Integer.toString(configured.getAddress().getPort());
      assertThat(check(elsewhere, Map.of("FULLRANK_HTTP_PORT", port))).isEqualTo(1);
    } finally {
      elsewhere.stop(0);
      configured.stop(0);
    }
  }

  @Test
  void asksByHttpsWhereTlsIsConfigured() throws Exception {
    HttpsServer server =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(selfSigned()));
    answer(server, 200);
    server.start();
    try {
      assertThat(check(server, true)).isZero();
      assertThat(check(server, false)).isEqualTo(1);
    } finally {
      server.stop(0);
    }
  }

  private static HttpServer onLoopback() throws IOException {
    return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
  }

  private static void answer(HttpServer server, int status) {
    server.createContext(
        "/q/health/ready",
        exchange -> {
          exchange.sendResponseHeaders(status, -1);
          exchange.close();
        });
  }

  private SSLContext selfSigned() throws Exception {
    Path store = folder.resolve("store.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-alias",
                "server",
                "-dname",
                "CN=elsewhere.example.org",
                "-storetype",
                "PKCS12",
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                store.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("keytool.log").toFile())
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD);
    }
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  private int check(HttpServer server, boolean tls) throws Exception {
    return check(server, tls ? Map.of("FULLRANK_TLS_CERTIFICATE_FILE", "tls.crt") : Map.of());
  }

  private int check(HttpServer server, Map<String, String> environment) throws Exception {
    return JavaCommand.main(HealthCheck.class, Integer.toString(server.getAddress().getPort()))
        .with("-Xmx16m")
        .in(environment)
        .start(folder.resolve("check.log"))
        .awaitExit();
  }
}

package io.fullrank.cli;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.lang.JoseException;

/** Publishes the public keys of tokens over HTTPS, as an identity provider does. */
final class TestKeySet implements AutoCloseable {

  private final HttpsServer server;
  private volatile byte[] published = {};

  private TestKeySet(HttpsServer server) {
    this.server = server;
  }

  static TestKeySet start(int port, SSLContext tls, TestTokens... signing) throws Exception {
    HttpsServer server =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls));
    TestKeySet keySet = new TestKeySet(server);
    server.createContext(
        "/keys",
        exchange -> {
          try (exchange) {
            exchange.getResponseHeaders().add("Content-Type", "application/jwk-set+json");
            exchange.sendResponseHeaders(200, keySet.published.length);
            exchange.getResponseBody().write(keySet.published);
          }
        });
    keySet.publish(signing);
    server.start();
    return keySet;
  }

  static String at(int port) {
    return "https://localhost:%d/keys".formatted(port);
  }

  /** Publishes the keys of these and no others. */
  void publish(TestTokens... signing) throws JoseException {
    List<JsonWebKey> keys = new ArrayList<>();
    for (TestTokens each : signing) {
      JsonWebKey key = JsonWebKey.Factory.newJwk(each.keys().getPublic());
      key.setKeyId(each.keyId());
      keys.add(key);
    }
    published =
        new JsonWebKeySet(keys)
            .toJson(OutputControlLevel.PUBLIC_ONLY)
            .getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    server.stop(0);
  }
}

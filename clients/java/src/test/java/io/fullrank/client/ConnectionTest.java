package io.fullrank.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot work is said before training begins. */
class ConnectionTest {

  @TempDir Path folder;

  @Test
  void hasAPort() {
    assertThat(Connection.to("host").server()).isEqualTo("host:9001");
    assertThat(Connection.to("host:1234").server()).isEqualTo("host:1234");
    assertThat(Connection.to("[::1]").server()).isEqualTo("[::1]:9001");
    assertThatThrownBy(() -> Connection.to("https://host"))
        .hasMessage("server 'https://host' is not HOST:PORT, such as localhost:9001 or [::1]:9001");
  }

  @Test
  void sendsNoTokenInPlainText() throws IOException {
    Path token = Files.writeString(folder.resolve("token"), "secret");

    assertThatThrownBy(() -> Connection.to("host").withTokenFile(token))
        .hasMessage(
            "a token must not travel in plain text; add withTls() or withAuthorities(file)");
    assertThat(Connection.to("host").withTls().withTokenFile(token).tokenFile()).contains(token);
  }

  @Test
  void namesAFileThatCannotBeRead() {
    Path missing = folder.resolve("missing.pem");

    assertThatThrownBy(() -> Connection.to("host").withAuthorities(missing))
        .hasMessage("authorities %s: cannot be read".formatted(missing));
  }
}

package io.fullrank.metrics.configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFolderTest {

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void letEverybodyWrite() throws IOException {
    folder = temporary.resolve("fullrank-metrics-9003");
    permit(temporary, "rwxrwxrwx");
  }

  @Test
  void isForThisUserAlone() throws IOException {
    StateFolder.makeOwn(folder);

    assertThat(Files.getPosixFilePermissions(folder))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    Files.writeString(folder.resolve("store"), "kept");
    StateFolder.makeOwn(folder);
    assertThat(folder.resolve("store")).hasContent("kept");
    assertThat(folder).isDirectoryNotContaining("glob:**owner*");
  }

  @Test
  void isNeitherALinkNorAFileOfSomebodyElse() throws IOException {
    Path elsewhere = Files.createDirectory(temporary.resolve("elsewhere"));
    Files.createSymbolicLink(folder, elsewhere);
    assertThatThrownBy(() -> StateFolder.makeOwn(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it is not a folder");
    assertThat(elsewhere).isEmptyDirectory();

    Files.delete(folder);
    Files.createFile(folder);
    assertThatThrownBy(() -> StateFolder.makeOwn(folder)).isInstanceOf(IOException.class);
  }

  @Test
  void isNoFolderThatOthersMayWriteTo() throws IOException {
    Files.createDirectory(folder);
    permit(folder, "rwxrwxrwx");

    assertThatThrownBy(() -> StateFolder.makeOwn(folder)).hasMessage("others may write to it");
  }

  @Test
  void isNoFolderOfSomebodyElse() throws IOException {
    assumeTrue(Files.getOwner(temporary).getName().equals("root"), "only root gives folders away");
    Files.createDirectory(folder);
    permit(folder, "rwxr-xr-x");
    Files.setOwner(
        folder,
        folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("nobody"));

    assertThatThrownBy(() -> StateFolder.makeOwn(folder)).hasMessage("it belongs to nobody");
    assertThat(folder).isEmptyDirectory();
  }

  /** A volume that a container is given is not this user's own. */
  @Test
  void isWhateverTheOperatorGivesElsewhere() throws IOException {
    permit(temporary, "rwxr-xr-x");
    Files.createDirectory(folder);
    permit(folder, "rwxrwxrwx");

    StateFolder.makeOwn(folder);

    assertThat(Files.getPosixFilePermissions(folder))
        .isEqualTo(PosixFilePermissions.fromString("rwxrwxrwx"));
  }

  private static void permit(Path path, String permissions) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }
}

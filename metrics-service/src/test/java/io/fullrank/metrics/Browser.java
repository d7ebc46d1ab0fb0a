package io.fullrank.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.fullrank.testsupport.Waiting;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import org.openqa.selenium.By;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** A headless Chromium, as Debian's packages chromium and chromium-driver bring it. */
final class Browser implements AutoCloseable {

  private static final Duration LIMIT = Waiting.LIMIT;

  // Held, since loggers that no one holds are forgotten.
  private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium");

  private final ChromeDriver driver;

  private Browser(ChromeDriver driver) {
    this.driver = driver;
  }

  /** Starts the browser; a test that finds none is skipped, with the reason. */
  static Browser start() {
    Optional<File> chromium = executable("chromium", "google-chrome", "chrome");
    Optional<File> chromedriver = executable("chromedriver");
    assumeTrue(
        chromium.isPresent() && chromedriver.isPresent(),
        "SKIPPED: the page is not tested, there is no chromium or no chromedriver in the PATH");
    // It warns that its own bindings of the DevTools protocol are of another version; none is used.
    SELENIUM.setLevel(Level.SEVERE);
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable(LogType.BROWSER, Level.ALL);
    ChromeOptions options = new ChromeOptions();
    options.setBinary(chromium.get());
    options.addArguments(
        "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1600");
    options.setCapability("goog:loggingPrefs", logs);
    ChromeDriverService service =
        new ChromeDriverService.Builder()
            .usingDriverExecutable(chromedriver.get())
            .usingAnyFreePort()
            .withSilent(true)
            .build();
    return new Browser(new ChromeDriver(service, options));
  }

  private static Optional<File> executable(String... names) {
    return Arrays.stream(names)
        .flatMap(
            name ->
                Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                    .map(folder -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .map(Path::toFile)
        .findFirst();
  }

  void open(Object address) {
    driver.get(address.toString());
  }

  /** Shows the page in the light or the dark. */
  void prefer(String colorScheme) {
    driver.executeCdpCommand(
        "Emulation.setEmulatedMedia",
        Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", colorScheme))));
  }

  WebElement find(String selector) {
    return driver.findElement(By.cssSelector(selector));
  }

  /** Returns the texts of elements, where none is there yet none. */
  List<String> texts(String selector) {
    return driver.findElements(By.cssSelector(selector)).stream().map(WebElement::getText).toList();
  }

  /** Waits until the text of an element contains another. */
  void awaitText(String selector, String text) {
    await(
        "the text of '%s' contains '%s'".formatted(selector, text), () -> contains(selector, text));
  }

  private boolean contains(String selector, String text) {
    return texts(selector).stream().anyMatch(shown -> shown.contains(text));
  }

  /** Waits until so many points are drawn in the chart of a title. */
  void awaitPoints(String title, int points) {
    String selector = "canvas[aria-label^='%s'][data-points='%d']".formatted(title, points);
    await(selector, () -> !driver.findElements(By.cssSelector(selector)).isEmpty());
  }

  /** Waits until a script returns something. */
  void awaitResult(String script, Object result) {
    await("'%s' returns %s".formatted(script, result), () -> result.equals(run(script)));
  }

  private void await(String what, Callable<Boolean> condition) {
    try {
      Awaitility.await()
          .atMost(LIMIT)
          .ignoreException(StaleElementReferenceException.class)
          .until(condition);
    } catch (ConditionTimeoutException late) {
      throw new AssertionError(
          "not so after %s: %s; the page shows:%n%s%n%s"
              .formatted(LIMIT, what, texts("body"), log()),
          late);
    }
  }

  Object run(String script, Object... arguments) {
    return driver.executeScript(script, arguments);
  }

  /** Returns what the browser has complained about since it was asked last. */
  List<String> log() {
    return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
        .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
        .map(LogEntry::getMessage)
        .toList();
  }

  /**
   * Checks that the browser has nothing to complain about: no script failed, nothing was blocked.
   */
  void requireContent() {
    assertThat(log()).isEmpty();
  }

  @Override
  public void close() {
    driver.quit();
  }
}

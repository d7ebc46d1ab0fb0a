package io.fullrank.checker.judgement;

import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import java.util.List;
import java.util.ServiceLoader;

/** The checks that a checker finds when it starts. */
public final class InstalledChecks {

  private InstalledChecks() {}

  /** Makes all checks that come with Fullrank. */
  public static List<SnapshotCheck> of(CheckResources resources) {
    return ServiceLoader.load(CheckFactory.class, CheckFactory.class.getClassLoader()).stream()
        .map(factory -> factory.get().create(resources))
        .toList();
  }
}

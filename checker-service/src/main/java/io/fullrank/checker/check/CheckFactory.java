package io.fullrank.checker.check;

/** Makes a check when a checker starts. Found by {@link java.util.ServiceLoader}. */
@FunctionalInterface
public interface CheckFactory {

  SnapshotCheck create(CheckResources resources);
}

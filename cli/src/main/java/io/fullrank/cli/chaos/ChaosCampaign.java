package io.fullrank.cli.chaos;

import io.fullrank.cli.chaos.ChaosReport.FaultReport;
import io.fullrank.cli.chaos.ChaosReport.Judgement;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Installation;
import io.fullrank.proto.v1.ExperimentSpec;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Experiments on a stack, first undisturbed, then while faults are brought about, several at a time
 * but on a process one after the other. In the end all is judged that must not depend on faults.
 */
final class ChaosCampaign {

  private static final int FAULTS_AT_ONCE = 3;
  private static final Duration RECOVERY_LIMIT = Duration.ofMinutes(5);
  private static final Duration DELAY = Duration.ofMillis(200);

  private static final List<String> NOT_BROUGHT_ABOUT =
      List.of(
          "a full disk: nothing that comes along limits the size of a folder",
          "a clock that jumps: nothing that comes along sets the clock of one process alone");

  private final PrintStream out;
  private final StackUnderTest stack;
  private final ExternalProgram external;
  private final List<ExperimentSpec> experiments;
  private final long seed;
  private final Duration longest;
  private final List<FaultReport> reports = Collections.synchronizedList(new ArrayList<>());
  private final List<String> unrecovered = Collections.synchronizedList(new ArrayList<>());

  /**
   * Prepares a campaign.
   *
   * @param out is told of each fault
   * @param work the folder of logs and data
   * @param longest how long a fault lasts at most
   */
  ChaosCampaign(PrintStream out, Installation installation, Path work, long seed, Duration longest)
      throws IOException {
    this.out = out;
    this.stack = new StackUnderTest(installation, work);
    this.external = new ExternalProgram(stack);
    this.experiments = Workload.experiments(installation.examples());
    this.seed = seed;
    this.longest = longest;
  }

  /**
   * Runs the campaign.
   *
   * @throws ExecutionFailedException if the stack does not start, or cannot be judged
   */
  ChaosReport run(int faults) throws IOException, InterruptedException {
    try (stack;
        ServiceClient first = stack.client("trainer-1", "metrics-1");
        ServiceClient second = stack.client("trainer-2", "metrics-2")) {
      stack.start();
      out.printf(
          "%d processes serve; experiments that nothing disturbs run%n", stack.processes().size());
      Set<String> undisturbed = new TreeSet<>();
      Workload calm = new Workload(first, experiments, 0);
      for (ExperimentSpec experiment : experiments) {
        undisturbed.add(calm.submitAndFollow(experiment));
      }
      undisturbed.add(external.report(StackUnderTest.TRAINERS.subList(0, 1)));
      List<Judgement> judgements = new ArrayList<>();
      try (Observation observation = new Observation(stack)) {
        judgements.add(
            Judgement.of(
                "every run ended, and all of its snapshots are accounted for",
                disturb(
                    Fault.sequence(seed, faults, longest),
                    observation,
                    first,
                    List.of(
                        new Workload(first, experiments, 0),
                        new Workload(second, experiments, experiments.size() / 2)))));
        double seconds = observation.seconds();
        judgements.add(
            Judgement.of(
                "each fault was brought about, and its target served again within %d s"
                    .formatted(RECOVERY_LIMIT.toSeconds()),
                unrecovered));
        judgements.add(observation.growth());
        return judged(undisturbed, observation, seconds, judgements);
      }
    }
  }

  private ChaosReport judged(
      Set<String> undisturbed, Observation observation, double seconds, List<Judgement> judgements)
      throws IOException, InterruptedException {
    Records records = Records.read(stack.kafka());
    Judge judge = new Judge(stack, records);
    judgements.add(judge.sameResults(undisturbed));
    judgements.add(judge.oneVerdictEach());
    judgements.add(judge.sameAsFresh());
    judgements.add(judge.noOtherEnds());
    judgements.add(judge.noErrorsInLogs());
    return new ChaosReport(
        seed,
        longest.toSeconds(),
        tenths(seconds),
        records.results().size(),
        records.verdicts().size(),
        observation.longestOutages(),
        observation.memory(),
        judgements,
        judge.brokerErrors().size(),
        List.copyOf(reports),
        NOT_BROUGHT_ABOUT);
  }

  /** Brings faults about while experiments run, and returns what did not end. */
  private List<String> disturb(
      List<Fault> faults, Observation observation, ServiceClient client, List<Workload> workloads)
      throws InterruptedException {
    ExecutorService clients = Executors.newFixedThreadPool(workloads.size());
    ExecutorService pool = Executors.newFixedThreadPool(FAULTS_AT_ONCE);
    List<String> open = new ArrayList<>();
    try {
      List<Future<?>> working = new ArrayList<>();
      workloads.forEach(workload -> working.add(clients.submit(workload)));
      List<Future<?>> brought = new ArrayList<>();
      for (Fault fault : faults) {
        brought.add(
            pool.submit(
                () -> {
                  bringAbout(fault, observation);
                  return fault;
                }));
        TimeUnit.NANOSECONDS.sleep(fault.next().toNanos());
      }
      await(brought, unrecovered);
      workloads.forEach(Workload::end);
      await(working, open);
      await(List.of(clients.submit(() -> Workload.awaitEnd(client, "", 1))), open);
      return open;
    } finally {
      pool.shutdownNow();
      clients.shutdownNow();
    }
  }

  private static void await(List<Future<?>> tasks, List<String> failures)
      throws InterruptedException {
    for (Future<?> task : tasks) {
      try {
        task.get();
      } catch (ExecutionException failed) {
        failures.add(failed.getCause().toString());
      }
    }
  }

  private void bringAbout(Fault fault, Observation observation) throws InterruptedException {
    SupervisedProcess target = stack.process(fault.target());
    ReentrantLock turn = target.turn();
    turn.lockInterruptibly();
    try {
      double second = observation.seconds();
      switch (fault.kind()) {
        case KILL -> {
          target.kill();
          target.start();
        }
        case STOP -> {
          target.signal("STOP");
          last(fault);
          target.signal("CONT");
        }
        case AWAY -> {
          target.kill();
          last(fault);
          target.start();
        }
        case CUT -> {
          stack.proxy().cut(fault.target());
          last(fault);
          stack.proxy().restore(fault.target());
        }
        case SLOW -> {
          stack.proxy().slow(fault.target(), DELAY);
          last(fault);
          stack.proxy().restore(fault.target());
        }
        case RESEND -> {
          Retransmission.of(stack.kafka(), fault.next().toMillis());
          external.report(StackUnderTest.TRAINERS);
        }
      }
      double over = observation.seconds();
      if (!target.awaitReady(RECOVERY_LIMIT)) {
        unrecovered.add("%s after %s at %.0f s".formatted(fault.target(), fault.kind(), second));
      }
      FaultReport report =
          new FaultReport(
              tenths(second),
              fault.kind(),
              fault.target(),
              tenths(over - second),
              tenths(observation.seconds() - over));
      reports.add(report);
      out.printf(
          Locale.ROOT,
          "%4d %7.1f s %-6s %-9s lasted %5.1f s, served again after %5.1f s%n",
          reports.size(),
          report.second(),
          report.kind(),
          report.target(),
          report.lasted(),
          report.recovered());
    } finally {
      turn.unlock();
    }
  }

  private static double tenths(double seconds) {
    return Math.round(10 * seconds) / 10.0;
  }

  private static void last(Fault fault) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(fault.lasts().toNanos());
  }
}

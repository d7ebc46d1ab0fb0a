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
import java.util.EnumSet;
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

  /**
   * What is to happen.
   *
   * @param faults how many
   * @param seed that they follow from
   * @param longest how long one lasts at most
   * @param watches how many clients watch a run meanwhile
   * @param callsPerSecond how many calls clients make meanwhile
   */
  record Plan(int faults, long seed, Duration longest, int watches, int callsPerSecond) {}

  private final PrintStream out;
  private final StackUnderTest stack;
  private final ExternalProgram external;
  private final List<ExperimentSpec> experiments;
  private final Plan plan;
  private final List<FaultReport> reports = Collections.synchronizedList(new ArrayList<>());
  private final List<String> unrecovered = Collections.synchronizedList(new ArrayList<>());

  /**
   * Prepares a campaign.
   *
   * @param out is told of each fault
   * @param work the folder of logs and data
   */
  ChaosCampaign(PrintStream out, Installation installation, Path work, Plan plan)
      throws IOException {
    this.out = out;
    this.stack = new StackUnderTest(installation, work);
    this.external = new ExternalProgram(stack);
    this.experiments = Workload.experiments(installation.examples());
    this.plan = plan;
  }

  /**
   * Runs the campaign.
   *
   * @throws ExecutionFailedException if the stack does not start, or cannot be judged
   */
  ChaosReport run() throws IOException, InterruptedException {
    try (stack;
        ServiceClient first = stack.client("trainer-1", "metrics-1");
        ServiceClient second = stack.client("trainer-2", "metrics-2")) {
      stack.start();
      notBroughtAbout().forEach(each -> out.println("not brought about: " + each));
      out.printf(
          "%d processes serve; experiments that nothing disturbs run%n", stack.processes().size());
      Set<String> undisturbed = new TreeSet<>();
      Workload calm = new Workload(out, first, experiments, 0);
      for (ExperimentSpec experiment : experiments) {
        undisturbed.add(calm.submitAndFollow(experiment));
      }
      undisturbed.add(external.report(StackUnderTest.TRAINERS.subList(0, 1)));
      Set<Fault.Kind> kinds = EnumSet.allOf(Fault.Kind.class);
      kinds.removeAll(stack.impossible().keySet());
      ExternalProgram.Open watched = external.register("trainer-1");
      List<String> known =
          first.listRuns("").stream().map(run -> run.getRequest().getRun()).toList();
      List<Judgement> judgements = new ArrayList<>();
      try (Observation observation = new Observation(stack)) {
        List<String> open = new ArrayList<>();
        ClientLoad.Report load;
        try (ClientLoad clients =
            new ClientLoad(
                stack.metricsPorts(),
                undisturbed.iterator().next(),
                known,
                watched.run(),
                plan.watches(),
                plan.callsPerSecond())) {
          disturb(
              Fault.sequence(plan.seed(), plan.faults(), plan.longest(), kinds),
              observation,
              List.of(
                  new Workload(out, first, experiments, 0),
                  new Workload(out, second, experiments, experiments.size() / 2)),
              open);
          load = clients.report();
        }
        external.finish(watched);
        awaitAllEnds(first, open);
        double seconds = observation.seconds();
        judgements.add(
            Judgement.of("every run ended, and all of its snapshots are accounted for", open));
        judgements.add(
            Judgement.of(
                "each fault was brought about, and its target served again within %d s"
                    .formatted(RECOVERY_LIMIT.toSeconds()),
                unrecovered));
        judgements.add(observation.growth());
        return judged(undisturbed, observation, seconds, judgements, load);
      }
    }
  }

  private List<String> notBroughtAbout() {
    return stack.impossible().entrySet().stream()
        .map(each -> each.getKey() + ": " + each.getValue())
        .toList();
  }

  private ChaosReport judged(
      Set<String> undisturbed,
      Observation observation,
      double seconds,
      List<Judgement> judgements,
      ClientLoad.Report load)
      throws IOException, InterruptedException {
    Records records = Records.read(stack.kafka());
    Judge judge = new Judge(stack, records);
    judgements.add(judge.sameResults(undisturbed));
    judgements.add(judge.oneVerdictEach());
    judgements.add(judge.sameAsFresh());
    judgements.add(judge.noOtherEnds());
    judgements.add(judge.noErrorsInLogs());
    return new ChaosReport(
        plan.seed(),
        plan.longest().toSeconds(),
        tenths(seconds),
        records.results().size(),
        records.verdicts().size(),
        observation.longestOutages(),
        observation.memory(),
        judgements,
        judge.brokerErrors().size(),
        List.copyOf(reports),
        load,
        notBroughtAbout());
  }

  private void awaitAllEnds(ServiceClient client, List<String> open) throws InterruptedException {
    try {
      Workload.awaitEnd(out, client, "", 1);
    } catch (ExecutionFailedException late) {
      open.add(late.getMessage());
    }
  }

  /**
   * Brings faults about while experiments run.
   *
   * @param open is added what did not end
   */
  private void disturb(
      List<Fault> faults, Observation observation, List<Workload> workloads, List<String> open)
      throws InterruptedException {
    ExecutorService clients = Executors.newFixedThreadPool(workloads.size());
    ExecutorService pool = Executors.newFixedThreadPool(FAULTS_AT_ONCE);
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
      out.println("faults are over; what is under way goes to its end");
      await(working, open);
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

  private void bringAbout(Fault fault, Observation observation)
      throws IOException, InterruptedException {
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
        case FULL -> {
          // A broker whose only folder fails ends, and is of no use until there is room.
          target.mayEnd(fault.target().equals(StackUnderTest.BROKER));
          Path folder = stack.folder(fault.target());
          stack.disks().fill(folder);
          last(fault);
          stack.disks().free(folder);
        }
        case AHEAD -> {
          stack.clocks().ahead(fault.target());
          last(fault);
          stack.clocks().restore(fault.target());
        }
        case BACK -> {
          stack.clocks().back(fault.target());
          last(fault);
          stack.clocks().restore(fault.target());
        }
      }
      double over = observation.seconds();
      if (!target.awaitReady(RECOVERY_LIMIT)) {
        unrecovered.add("%s after %s at %.0f s".formatted(fault.target(), fault.kind(), second));
      }
      target.mayEnd(false);
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

#!/usr/bin/python3
"""The metrics service when its broker is killed and comes back: how long it does not serve, and whether anything is lost.

    docs/benchmarks/broker_loss.py ROUNDS [--seed 1] [--lose-markers] [--class-path CLASSES_AND_LIBRARIES_OF_A_BROKER]

In each round runs are accepted in transactions, as a trainer does it, and report progress without a pause. The broker is
killed at a random moment, a second instance starts while it is away, and it comes back after 2 to 12 s. Measured, from the
moment when it answers: until the first instance is ready and answers for all runs, and until the second one, which has an
empty disk, is ready. Everything that the broker has acknowledged, in this round and before, must be there.

With --lose-markers the last marker of each partition is taken away while the broker is dead, as if a coordinator that was
at PREPARE_COMMIT had forgotten them all (KAFKA-20734). With --class-path the broker is another one than that which is
shipped, such as one that does so by itself: kafka-broker/target/classes and the libraries of its Kafka.

Wants the built tree, and Debian's python3-confluent-kafka, python3-protobuf and protobuf-compiler.
"""

import argparse
import json
import pathlib
import random
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
JVM = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
RUNS = 6
LIMIT = 180


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def seconds_until(done, limit=LIMIT):
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if done():
            return time.monotonic() - began
        time.sleep(0.1)
    return None


class Broker:
    def __init__(self, folder, class_path):
        self.folder, self.port = folder, free_port()
        libraries = ":".join(str(ROOT / "cli/target" / jar) for jar in ("fullrank.jar", "lib/*"))
        self.command = [*JVM, "-cp", libraries, "io.fullrank.kafka.EmbeddedKafkaBroker", str(folder), str(self.port)]
        self.command += [class_path] if class_path else []
        self.address = f"127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder.parent / "kafka.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT)
        if seconds_until(self.answers) is None:
            sys.exit(f"the broker does not start, see {log.name}")

    def answers(self):
        try:
            return bool(AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def lose_markers(self):
        """Cuts off the last batch of each partition where that is the marker of a transaction; returns how many."""
        lost = 0
        for log in self.folder.glob("log/*-*/*.log"):
            if log.parent.name.startswith("__transaction_state") or log != max(log.parent.glob("*.log")):
                continue
            data, at, last, control = log.read_bytes(), 0, 0, False
            # A batch: offset (8 bytes), length of what follows (4), epoch (4), magic (1), checksum (4), attributes (2).
            while at + 61 <= len(data) and at + 12 + struct.unpack_from(">i", data, at + 8)[0] <= len(data):
                last, control = at, bool(struct.unpack_from(">h", data, at + 21)[0] & 0x20)
                at += 12 + struct.unpack_from(">i", data, at + 8)[0]
            if control:
                with open(log, "r+b") as cut:
                    cut.truncate(last)
                lost += 1
        return lost


class Metrics:
    def __init__(self, work, name, broker):
        self.log, self.http = work / f"{name}.log", free_port()
        options = {
            "fullrank.kafka.bootstrap-servers": broker.address,
            "fullrank.grpc.port": free_port(),
            "fullrank.http.port": self.http,
            "fullrank.metrics.state-directory": work / name,
        }
        jar = ROOT / "metrics-service/target/quarkus-app/quarkus-run.jar"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*JVM, *(f"-D{key}={value}" for key, value in options.items()), "-jar", str(jar)], stdout=log, stderr=log)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()
        except OSError as failed:
            return 0, str(failed).encode()

    def ready(self):
        return self.get("/q/health/ready")[0] == 200

    def answers(self, runs):
        return all(self.get(f"/api/v1/runs/{run}")[0] in (200, 404) for run in runs)

    def lacks(self, steps):
        """Returns the runs that are not there, or without the last of their steps that was acknowledged or a later one."""
        lacking = set()
        for run, step in steps.items():
            status, body = self.get(f"/api/v1/runs/{run}")
            if status != 200 or int(json.loads(body)["run"].get("progress", {}).get("step", 0)) < step:
                lacking.add(run)
        return lacking

    def stop(self, by):
        self.process.send_signal(by)
        self.process.wait()


class Traffic:
    """Accepts runs and reports their progress; keeps what the broker has acknowledged."""

    def __init__(self, messages, broker, number):
        self.messages, self.number = messages, number
        self.acknowledged, self.refused, self.stopping = {}, 0, threading.Event()
        common = {"bootstrap.servers": broker.address, "partitioner": "murmur2_random", "log_level": 0}
        self.accepting = Producer({**common, "transactional.id": f"accepting-{number}", "transaction.timeout.ms": 10000})
        self.reporting = Producer({**common, "linger.ms": 0, "message.timeout.ms": 3000})
        self.accepting.init_transactions(30)

    def accept(self):
        run, progress, experiment = self.messages
        names = [f"r{self.number}-{i}" for i in range(RUNS)]
        self.accepting.begin_transaction()
        for name in names:
            request = run.RunRequest(run=name, experiment=f"e{self.number}", variant=1, seed=1, spec=experiment.ExperimentSpec(name="e"))
            self.accepting.produce("fullrank.experiments", key=name, value=request.SerializeToString())
        self.accepting.commit_transaction(30)
        for name in names:
            header = run.RunHeader(run=name, experiment=f"e{self.number}", variant=1, seed=1, attempt=1, total_steps=1_000_000)
            self.report(name, 0, progress.RunEvent(run=name, attempt=1, started=header))
        self.reporting.flush(30)

    def report(self, name, step, event):
        def delivered(failed, _):
            if failed is None:
                self.acknowledged[name] = max(step, self.acknowledged.get(name, 0))
            else:
                self.refused += 1

        self.reporting.produce("fullrank.progress", key=name, value=event.SerializeToString(), on_delivery=delivered)
        self.reporting.poll(0)

    def go_on(self):
        _, progress, _ = self.messages
        step = 0
        while not self.stopping.is_set():
            step += 1
            for name in (f"r{self.number}-{i}" for i in range(RUNS)):
                self.report(name, step, progress.RunEvent(run=name, attempt=1, progress=progress.Progress(step=step)))
            time.sleep(0.01)
        self.reporting.flush(5)


def wire_messages(work):
    protos = ROOT / "proto/src/main/proto"
    subprocess.run(["protoc", f"-I{protos}", f"--python_out={work}", *map(str, protos.glob("fullrank/v1/*.proto"))], check=True)
    sys.path.insert(0, str(work))
    from fullrank.v1 import experiment_pb2, progress_pb2, run_pb2

    return run_pb2, progress_pb2, experiment_pb2


def distribution(name, values):
    values = sorted(values)
    tenths = statistics.quantiles(values, n=10) if len(values) > 1 else values * 9
    print(f"{name}: {len(values)} rounds, least {values[0]:.1f} s, median {statistics.median(values):.1f} s, "
          f"nine in ten below {tenths[8]:.1f} s, most {values[-1]:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lose-markers", action="store_true")
    parser.add_argument("--class-path")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    work = pathlib.Path(tempfile.mkdtemp(prefix="broker-loss-"))
    (work / "messages").mkdir()
    messages = wire_messages(work / "messages")
    broker = Broker(work / "kafka", arguments.class_path)
    broker.folder.mkdir()
    broker.start()
    first = Metrics(work, "first", broker)
    print(f"{work}: the first start took {seconds_until(first.ready):.1f} s", flush=True)
    known, first_times, second_times, never, missing = {}, [], [], 0, set()
    for number in range(arguments.rounds):
        traffic = Traffic(messages, broker, number)
        traffic.accept()
        going = threading.Thread(target=traffic.go_on)
        going.start()
        time.sleep(chance.uniform(1, 4))
        broker.kill()
        lost = broker.lose_markers() if arguments.lose_markers else 0
        traffic.stopping.set()
        second = Metrics(work, f"second-{number}", broker)
        time.sleep(chance.uniform(2, 12))
        broker.start()
        answers = time.monotonic()
        going.join()
        known.update(traffic.acknowledged)
        times = []
        for instance in (first, second):
            took = seconds_until(lambda: instance.ready() and instance.answers(traffic.acknowledged))
            times.append(None if took is None else time.monotonic() - answers)
        if None not in times:
            # What comes late is not lost.
            for instance in (first, second):
                if seconds_until(lambda: not instance.lacks(known), 30) is None:
                    missing.update(instance.lacks(known))
        ended = [line for log in (first.log, second.log) for line in log.read_text().splitlines() if " Ended: " in line]
        print(f"{number}: {len(traffic.acknowledged)} runs to steps {sorted(traffic.acknowledged.values())}, markers taken away {lost}, "
              f"first serves after {times[0] and round(times[0], 1)} s, second after {times[1] and round(times[1], 1)} s, "
              f"transactions ended so far {len(ended)}, lacking {len(missing)}", flush=True)
        if None in times:
            never += 1
            for instance in (first, second):
                print("  " + instance.get("/q/health/ready")[1].decode(errors="replace").replace("\n", " "), flush=True)
        else:
            first_times.append(times[0])
            second_times.append(times[1])
        second.stop(chance.choice([signal.SIGTERM, signal.SIGKILL]))
        seconds_until(lambda: first.ready() and first.answers(traffic.acknowledged))
    distribution("first instance", first_times)
    distribution("second instance", second_times)
    print(f"not served within {LIMIT} s: {never} rounds; acknowledged, but lacking: {sorted(missing) or 'nothing'}; logs are in {work}")
    first.stop(signal.SIGTERM)
    broker.process.terminate()


if __name__ == "__main__":
    main()

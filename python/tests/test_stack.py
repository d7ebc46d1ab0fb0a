"""The package against the real stack: broker, trainer, checker and metrics service of this checkout, if it is built."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np

import fullrank
from test_verify_proof import verify

ROOT = Path(os.environ.get("STACK_UNDER_TEST") or Path(__file__).resolve().parents[2])
PARTS = [
    "cli/target/fullrank.jar",
    "kafka-broker/target/kafka-broker.jar",
    *(f"{each}-service/target/quarkus-app/quarkus-run.jar" for each in ("trainer", "checker", "metrics")),
]
LIMIT = 180.0


def built() -> bool:
    return shutil.which("java") is not None and all((ROOT / part).is_file() for part in PARTS)


def scrape(port: int, metric: str) -> List[float]:
    """The values that a service gives of a metric, one for each set of labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return [float(line.split()[-1]) for line in lines if re.split("[{ ]", line, maxsplit=1)[0] == metric]


class IngestServer:
    """A server that only takes reports, with a heartbeat every second."""

    def __init__(self, folder: str, kafka: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            port, self.http_port = (each.getsockname()[1] for each in (one, other))
        self.address = f"127.0.0.1:{port}"
        self._log = Path(folder, "ingest.log")
        self._environment = {
            **os.environ,
            "FULLRANK_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka}",
            "FULLRANK_GRPC_PORT": str(port),
            "FULLRANK_HTTP_PORT": str(self.http_port),
            "FULLRANK_TRAINER_TRAINS": "false",
            "FULLRANK_TRAINER_NAME": "ingest",
            "FULLRANK_TRAINER_INGEST_HEARTBEAT_INTERVAL": "1s",
        }
        self.start()

    def start(self) -> None:
        jar = str(ROOT / "trainer-service/target/quarkus-app/quarkus-run.jar")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", jar],
                env=self._environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + LIMIT
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the server did not start: " + self._log.read_text())
            threading.Event().wait(0.2)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/q/health/ready", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "IngestServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def command(*arguments: str) -> List[str]:
    # Not by the launcher, which would build what is newer than the build.
    jar = str(ROOT / "cli" / "target" / "fullrank.jar")
    java = ["java", "-Dorg.bytedeco.javacpp.maxphysicalbytes=0", "-XX:+UseSerialGC", f"-Dfullrank.home={ROOT}"]
    return [*java, "-cp", jar, "io.fullrank.cli.Fullrank", *arguments]


@unittest.skipUnless(built(), "the stack is not built: mvn package")
class StackTest(unittest.TestCase):
    stack: Any
    ports: Dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        names = ["trainer", "checker", "metrics", "trainer-http", "checker-http", "metrics-http", "kafka"]
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
        cls.ports = {name: s.getsockname()[1] for name, s in zip(names, sockets)}
        for each in sockets:
            each.close()
        options = [f"--{name}-port={port}" for name, port in cls.ports.items()]
        log = open(Path(cls.folder, "up.log"), "wb")
        cls.addClassCleanup(log.close)
        cls.stack = subprocess.Popen(
            command("up", "--work", str(Path(cls.folder, "work")), *options), stdout=log, stderr=subprocess.STDOUT
        )
        cls.addClassCleanup(cls.stop)
        deadline = time.monotonic() + LIMIT
        while not cls.is_up():
            if cls.stack.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the stack did not start: " + Path(cls.folder, "up.log").read_text())
            threading.Event().wait(0.2)

    @classmethod
    def stop(cls) -> None:
        if cls.stack.poll() is None:
            cls.stack.send_signal(signal.SIGTERM)
            cls.stack.wait(60)

    @classmethod
    def is_up(cls) -> bool:
        try:
            for name in ("trainer", "checker", "metrics"):
                with urllib.request.urlopen(f"http://127.0.0.1:{cls.ports[name + '-http']}/q/health/ready", timeout=5):
                    pass
            return True
        except OSError:
            return False

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.ports['trainer']}"

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics-http']}/api/v1/{path}", timeout=20) as answer:
            return json.load(answer)

    def wait_for(self, path: str, condition: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + LIMIT
        answer: Any = None
        while time.monotonic() < deadline:
            try:
                answer = self.ask(path)
                if condition(answer):
                    return answer
            except OSError as e:
                answer = e
            threading.Event().wait(0.2)
        raise AssertionError(f"{path}: {answer}")

    def start(self, **options: Any) -> fullrank.Run:
        run = fullrank.start("stack", server=self.server, **options)
        run.describe(fullrank.Network(last_hidden_width=300, outputs=3), fullrank.DataSet("rows", train_rows=200))
        return run

    def test_features_get_the_verdict_that_check_gives_a_file_of_them(self) -> None:
        certified = np.random.default_rng(2).normal(size=(200, 300)).astype(np.float32)
        refuted = certified.copy()
        refuted[7] = refuted[8]
        cases = [("CERTIFIED", 0, certified), ("REFUTED", 3, refuted)]
        for step, (outcome, status, features) in enumerate(cases, 1):
            with self.subTest(outcome):
                run = self.start(seed=step)
                run.features(1, features, witness=True)
                verdict = run.await_verdict(1, LIMIT)
                self.assertIsNotNone(verdict, run.missing(1))
                self.assertEqual(verdict.outcome, outcome)
                self.assertEqual(verdict.feature_source, "CLIENT")
                self.assertTrue(run.end())
                file = Path(self.folder, f"{outcome}.npy")
                np.save(file, features)
                done = subprocess.run(command("check", str(file), "--json"), capture_output=True, text=True, timeout=LIMIT)
                self.assertEqual(done.returncode, status, done.stderr)
                checked = json.loads(done.stdout)
                self.assertEqual(checked["outcome"], outcome)
                self.assertEqual(checked["method"], verdict.method)
                self.assertEqual(checked["sigmaMinLowerBound"], verdict.sigma_min_lower_bound)
                self.assertEqual(checked["sha256"], verdict.features_sha256.hex())
                folder = Path(self.folder, f"proof-{outcome}")
                kafka = f"127.0.0.1:{self.ports['kafka']}"
                prove = command("prove", run.id, "--step", "1", "--kafka", kafka, "--out", str(folder))
                done = subprocess.run(prove, capture_output=True, text=True, timeout=LIMIT)
                self.assertEqual(done.returncode, status, done.stderr)
                if outcome == "CERTIFIED":
                    self.assertIn(verdict.features_sha256.hex(), verify(folder / "features.proof", file))

    def test_a_run_is_listed_with_what_it_reported(self) -> None:
        run = self.start(seed=11)
        for step in range(1, 51):
            run.log(loss=1 / step, step=step, test_error=0.5 / step)
        self.assertTrue(run.end(test_error=0.01))
        self.assertEqual(run.dropped, 0)
        found = self.wait_for(f"runs/{run.id}", lambda answer: "FINISHED" in json.dumps(answer))
        self.assertIn("0.01", json.dumps(found))
        self.assertIn("rows", json.dumps(found))

    def test_a_file_of_reports_is_played_later(self) -> None:
        file = Path(self.folder, "run.fullrank")
        run = fullrank.start("stack-file", file=file, seed=31)
        run.describe(fullrank.Network(last_hidden_width=300, outputs=3), fullrank.DataSet("rows", train_rows=200))
        run.log(loss=0.5)
        run.features(1, np.random.default_rng(3).normal(size=(200, 300)))
        self.assertTrue(run.end(test_error=0.125))
        play = command("import", str(file), "--server", "127.0.0.1", "--trainer-port", str(self.ports["trainer"]), "--json")
        done = subprocess.run(play, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        name = json.loads(done.stdout)["run"]
        self.wait_for(f"runs/{name}", lambda answer: "FINISHED" in json.dumps(answer))
        self.wait_for(f"runs/{name}/verdicts", lambda answer: "CERTIFIED" in json.dumps(answer))

    def test_a_server_that_is_killed_in_an_upload_and_a_program_that_is_killed(self) -> None:
        with IngestServer(self.folder, self.ports["kafka"]) as server:
            self.upload_while_it_is_killed(server)
            self.kill_a_program(server)
        for name in ("checker", "metrics"):
            counts = scrape(self.ports[name + "-http"], f"fullrank_{'checker_' * (name == 'checker')}dead_letters_total")
            self.assertGreater(len(counts), 0)
            self.assertEqual(set(counts), {0.0})

    def upload_while_it_is_killed(self, server: "IngestServer") -> None:
        matrix = np.random.default_rng(4).normal(size=(100, 100_000)).astype(np.float32)
        with self.assertLogs("fullrank", "WARNING") as logs:
            run = fullrank.start("killed", server=server.address)
            run.describe(fullrank.Network(last_hidden_width=100_000, outputs=3), fullrank.DataSet("rows", train_rows=100))
            seconds = []

            def log() -> None:
                before = time.perf_counter()
                run.log(loss=1.0)
                seconds.append(time.perf_counter() - before)

            log()
            run.features(2, matrix, witness=True, copy=False)
            while not sum(scrape(server.http_port, "fullrank_ingest_received_bytes_total")):
                log()
            server.kill()
            for _ in range(1000):
                log()
            server.start()
            verdict = run.await_verdict(2, LIMIT)
            self.assertIsNotNone(verdict, run.missing(2))
            self.assertEqual((verdict.outcome, verdict.witness), ("CERTIFIED", True))
            self.assertTrue(run.end(timeout=LIMIT))
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertLess(sorted(seconds)[int(0.99 * len(seconds))], 1e-3)
        found = self.wait_for(f"runs/{run.id}", lambda answer: "FINISHED" in json.dumps(answer))
        self.assertEqual(int(found["run"]["result"]["snapshots"].get("dropped", 0)), 0)
        verdicts = self.ask(f"runs/{run.id}/verdicts")["verdicts"]
        self.assertEqual([each["step"] for each in verdicts], ["2"])

    def kill_a_program(self, server: "IngestServer") -> None:
        program = (
            "import fullrank, os, sys, time\n"
            "run = fullrank.start('dies', server=sys.argv[1], resume=sys.argv[2])\n"
            "run.describe(fullrank.Network(last_hidden_width=4, outputs=2))\n"
            "run.log(loss=1.0)\n"
            "while not run.id: time.sleep(0.01)\n"
            "print(run.id, flush=True)\n"
            "if sys.argv[3] == 'dies': time.sleep(600)\n"
            "sys.exit(not run.end())\n"
        )
        kept = str(Path(self.folder, "dies.json"))
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "python" / "src")}

        def command(what: str) -> List[str]:
            return [sys.executable, "-c", program, server.address, kept, what]

        with subprocess.Popen(command("dies"), env=environment, stdout=subprocess.PIPE, text=True) as killed:
            name = killed.stdout.readline().strip()
            self.wait_for(f"runs/{name}", lambda answer: answer["run"]["state"] == "RUN_STATE_RUNNING")
            killed.kill()
        self.wait_for(f"runs/{name}", lambda answer: answer["run"].get("stalled"))
        again = subprocess.run(command("ends"), env=environment, stdout=subprocess.PIPE, text=True, timeout=LIMIT)
        self.assertEqual((again.returncode, again.stdout.strip()), (0, name))
        found = self.wait_for(f"runs/{name}", lambda answer: "FINISHED" in json.dumps(answer))
        self.assertFalse(found["run"].get("stalled"))

    def test_a_wrong_key_and_too_narrow_a_layer_are_told_in_one_line(self) -> None:
        first = self.start(seed=21)
        first.log(loss=1.0)
        self.assertTrue(first.end())
        with self.assertLogs("fullrank", "WARNING") as logs:
            other = self.start(seed=21, experiment=first.experiment)
            other.log(loss=1.0)
            self.assertFalse(other.end())
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertIn("ALREADY_EXISTS", logs.output[0])
        with self.assertLogs("fullrank", "WARNING") as logs:
            narrow = fullrank.start("stack", server=self.server, seed=22)
            narrow.describe(fullrank.Network(last_hidden_width=10, outputs=3), fullrank.DataSet("rows", train_rows=200))
            narrow.log(loss=1.0)
            self.assertTrue(narrow.end())
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertIn("at least 199 units", logs.output[0])

    @unittest.skipUnless(importlib.util.find_spec("torch"), "torch is not installed")
    def test_a_rule_stops_narrow_networks_whose_tangent_kernel_collapses(self) -> None:
        for model in ("mlp", "resnet"):
            with self.subTest(model):
                program = ROOT / "python" / "examples" / "tangent_kernel.py"
                done = subprocess.run(
                    [sys.executable, program, "--server", self.server, "--model", model, "--examples", "40"],
                    env={**os.environ, "PYTHONPATH": str(ROOT / "python" / "src")},
                    capture_output=True, text=True, timeout=LIMIT,
                )  # fmt: skip
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                steps = [line.split(": ")[-1] for line in done.stdout.splitlines() if line.startswith("step ")]
                self.assertTrue(all(each.startswith("CERTIFIED, σ_min ≥ ") for each in steps[:4]), done.stdout)
                self.assertEqual(steps[4], "REFUTED", done.stdout)
                self.assertIn("stopped: tangent-kernel certified an earlier snapshot; that of step 80 is REFUTED", done.stdout)
                name = done.stdout.splitlines()[-1].split(": ")[0]
                found = json.dumps(self.wait_for(f"runs/{name}", lambda answer: "CANCELLED" in json.dumps(answer)))
                self.assertIn("ruleEvents", found)
                self.assertIn("RULE_CONDITION_CERTIFICATE_LAPSED", found)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "torch is not installed")
    def test_two_phases_in_pytorch(self) -> None:
        import test_torch

        run, tp = test_torch.two_phases(self.server, test_torch.network())
        self.assertTrue(run.end(test_error=0.25))
        self.assertEqual(run.guarantee.statement, "LIMIT", run.guarantee.reason)
        found = json.dumps(self.wait_for(f"runs/{run.id}", lambda answer: "FINISHED" in json.dumps(answer)))
        self.assertIn("torch", found)
        self.assertIn("CERTIFIED", json.dumps(self.ask(f"runs/{run.id}/verdicts")))
        self.assertEqual(len(tp.features), test_torch.ROWS)


if __name__ == "__main__":
    unittest.main()

"""The core on numpy arrays: what reaches a server, a file, and what does not."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import numpy as np

import fullrank
from fullrank import outbox as outbox_module
from fullrank import wire
from fullrank.guarantee import cross_entropy_upper_bound
from fullrank.outbox import Outbox, Report
from ingest import BlackHole, Nobody, Records, Server, until

PYTHON = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng(1)


def start(server: str, rows: int = 20, columns: int = 30, **options: Any) -> fullrank.Run:
    run = fullrank.start("core", server=server, **options)
    run.describe(
        fullrank.Network(last_hidden_width=columns, outputs=3, model="test"), fullrank.DataSet("rows", train_rows=rows)
    )
    return run


def features(rows: int = 20, columns: int = 30, dtype: str = "float32") -> np.ndarray:
    return RNG.normal(size=(rows, columns)).astype(dtype)


class ServerTest(unittest.TestCase):
    def test_checks_are_registered_as_given(self) -> None:
        with Server() as server:
            checks = {
                "expressivity": {"every-epochs": 2},
                "tangent-kernel": {"layers": ["head"], "examples": 10},
                "com.example.sparsity": {"threshold": 1e-3, "every-epochs": 5},
            }
            start(server.address, checks=checks).end()
            start(server.address, checks={}).end()
            start(server.address).end()
            chosen, none, default = (request.spec for request in server.records.requests)
        self.assertEqual(chosen.checks.expressivity.every_epochs, 2)
        self.assertEqual(list(chosen.checks.tangent_kernel.layers), ["head"])
        self.assertEqual(chosen.checks.tangent_kernel.examples, 10)
        (named,) = chosen.checks.named
        self.assertEqual((named.name, named.every_epochs, dict(named.parameters)), ("com.example.sparsity", 5, {"threshold": "0.001"}))
        self.assertTrue(none.HasField("checks"))
        self.assertFalse(none.checks.HasField("expressivity"))
        self.assertFalse(default.HasField("checks"))

    def test_wrong_parameters_of_checks_are_named(self) -> None:
        for checks, text in [
            ({"expressivity": {"exact": True}}, "checks.expressivity.exact: unknown key"),
            ({"tangent-kernel": {"layers": "head"}}, "checks.tangent-kernel.layers: a list of names"),
            ({"collapse": {"every-epochs": -1}}, "checks.collapse.every-epochs: a whole number of 0 or more, got -1"),
        ]:
            with self.assertRaisesRegex(ValueError, text):
                fullrank.start("core", server="127.0.0.1:1", checks=checks)

    def test_reports_arrive_in_order_and_as_given(self) -> None:
        with Server() as server:
            run = start(server.address, seed=7, data_set="rows")
            run.log(loss=0.5, step=3, epoch=1.5, test_error=np.float32(0.25), gradient_norms={"head": 2.0})
            run.log(train_loss=0.1)
            self.assertTrue(run.end(test_error=0.125))
            first, second = server.records.of("progress")
            self.assertEqual((first.step, first.epoch, first.batch_loss, first.test_error), (3, 1.5, 0.5, 0.25))
            self.assertEqual([(n.layer, n.norm) for n in first.gradient_norms], [("head", 2.0)])
            self.assertFalse(first.HasField("train_loss"))
            self.assertEqual((second.step, second.train_loss), (4, 0.1))
            (result,) = server.records.of("result")
            self.assertEqual((result.steps, result.test_error, wire.name("RunState", result.state)), (4, 0.125, "FINISHED"))
            (request,) = server.records.requests
            self.assertEqual((request.seed, request.train_rows, request.spec.name), (7, 20, "core"))
            self.assertEqual(request.spec.network.external.last_hidden_width, 30)
            (begin,) = server.records.begins
            self.assertEqual((begin.protocol, begin.attempt), (1, 1))
            self.assertEqual(run.dropped, 0)

    def test_verdicts_on_features_of_every_type(self) -> None:
        for dtype in ("float16", "float32", "float64"):
            with self.subTest(dtype), Server() as server:
                run = start(server.address)
                matrix = features(dtype=dtype)
                run.features(1, matrix, witness=True)
                verdict = run.await_verdict(1, 20)
                self.assertEqual((verdict.outcome, verdict.rows, verdict.columns), ("CERTIFIED", 20, 31))
                self.assertEqual(verdict.feature_source, "CLIENT")
                np.testing.assert_array_equal(next(iter(server.records.features.values())), matrix)
                self.assertTrue(run.end())

    def test_a_program_may_change_the_array_that_it_gave(self) -> None:
        with Server() as server:
            run = start(server.address)
            matrix = features()
            kept = matrix.copy()
            run.features(1, matrix)
            matrix[:] = 0
            self.assertTrue(run.end())
            np.testing.assert_array_equal(next(iter(server.records.features.values())), kept)

    def test_features_that_cannot_be_certified_are_refused_in_one_line(self) -> None:
        bad = features()
        bad[3, 4] = np.nan
        cases = {
            "not finite": bad,
            "is no matrix": np.ones(3, np.float32),
            "float16, float32 and float64": np.ones((20, 30), int),
            "a width of 30": features(columns=29),
            "with 20 rows": features(rows=19),
        }
        for words, matrix in cases.items():
            with self.subTest(words), Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
                run = start(server.address)
                run.features(1, matrix)
                self.assertIsNone(run.await_verdict(1, 20))
                self.assertIn(words, run.missing(1))
                self.assertTrue(run.end())
                self.assertEqual(len(logs.output), 1)
                self.assertIn(words, logs.output[0])
                self.assertEqual(len(server.records.of("result")), 1)

    def test_another_protocol_is_refused_in_one_line_and_training_goes_on(self) -> None:
        with Server(protocol=2) as server:
            with self.assertLogs("fullrank", "WARNING") as logs:
                run = start(server.address)
                run.log(loss=1.0)
                run.features(1, features())
                self.assertIsNone(run.await_verdict(1, 20))
                self.assertIn("FAILED_PRECONDITION", run.missing(1))
                run.log(loss=1.0)
                self.assertFalse(run.end(timeout=20))
            self.assertEqual(len(logs.output), 1, logs.output)
            self.assertIn("protocol 1: only 2 is known", logs.output[0])
            self.assertEqual(server.records.events, [])

    def test_features_wait_for_a_server_that_has_too_many_streams(self) -> None:
        with Server(most_streams=0) as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = start(server.address)
            run.features(1, features())
            self.assertTrue(until(lambda: len(logs.output) > 0))
            self.assertEqual(run.verdicts, {})
            server.most_streams = 1
            self.assertIsNotNone(run.await_verdict(1, 20))
            self.assertTrue(run.end())
        self.assertEqual(run.dropped, 0)
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertIn("max-streams", logs.output[0])

    def test_a_run_that_belongs_to_another_key_is_refused(self) -> None:
        with Server() as server:
            first = start(server.address)
            first.log(loss=1.0)
            self.assertTrue(first.end())
            with self.assertLogs("fullrank", "WARNING") as logs:
                second = start(server.address, experiment=first.experiment)
                second.log(loss=2.0)
                self.assertFalse(second.end())
            self.assertEqual(len(logs.output), 1)
            self.assertIn("ALREADY_EXISTS", logs.output[0])
            self.assertEqual([p.batch_loss for p in server.records.of("progress")], [1.0])

    def test_features_that_are_too_large_are_left_out(self) -> None:
        for silent in (False, True):
            with self.subTest(silent=silent), Server(max_snapshot_bytes=100, enforces_size_silently=silent) as server:
                with self.assertLogs("fullrank", "WARNING") as logs:
                    run = start(server.address)
                    run.features(1, features())
                    run.log(loss=1.0)
                    self.assertIsNone(run.await_verdict(1, 20))
                    self.assertTrue(run.end())
                self.assertEqual(len(logs.output), 1, logs.output)
                self.assertIn("fullrank.trainer.ingest.max-snapshot-bytes", logs.output[0])
                self.assertEqual(run.dropped, 1)
                self.assertEqual(len(server.records.of("progress")), 1)

    def test_the_servers_warnings_are_told(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = start(server.address, rows=100)
            run.log(loss=1.0)
            self.assertTrue(run.end())
        self.assertIn("cannot have full row rank", logs.output[0])

    def test_a_refuted_verdict_says_why(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = start(server.address)
            run.features(1, np.ones((20, 30), np.float32))
            self.assertEqual(run.await_verdict(1, 20).outcome, "REFUTED")
            run.end()
        self.assertIn("rows depend on each other", logs.output[0])

    def test_a_guarantee_on_plain_arrays_is_about_the_very_features_that_were_certified(self) -> None:
        with Server() as server:
            run = start(server.address, variant="two-phase")
            witness = features()
            run.log(loss=1.0, step=6)
            run.begin_phase_two(6)
            run.features(6, witness, witness=True)
            verdict = run.await_verdict(6, 20)
            guarantee = fullrank.Guarantee.of_witness(verdict, witness, 6, analytic=True)
            run.state_guarantee(guarantee)
            labels = np.arange(20) % 3
            bound = cross_entropy_upper_bound(witness, np.zeros((3, 30)), np.zeros(3), labels)
            run.conclude_guarantee(guarantee.concluded(10, bound))
            run.log(step=10)
            self.assertTrue(run.end())
            (stated,) = server.records.of("guarantee")
            self.assertEqual((stated.statement, stated.from_step, stated.HasField("optimality_gap")), (1, 6, False))
            (result,) = server.records.of("result")
            # The loss of an output layer of zeros is log 3.
            self.assertGreaterEqual(result.guarantee.optimality_gap, np.log(3.0))
            self.assertAlmostEqual(result.guarantee.optimality_gap, np.log(3.0), places=9)
        changed = witness.copy()
        changed[0, 0] = np.nextafter(changed[0, 0], np.float32(9))
        cases = {
            "the verdict is about other features": (verdict, changed),
            "about a 20×31 matrix, phase 2 trains on 30×21": (verdict, witness.reshape(30, 20)),
            "no verdict on the witness came in time": (None, witness),
            "not certified but REFUTED: row 1": (replace(verdict, outcome="REFUTED", reason="row 1"), witness),
        }
        for words, (given, array) in cases.items():
            none = fullrank.Guarantee.of_witness(given, array, 6, None)
            self.assertEqual((none.statement, none.from_step), ("NONE", 6))
            self.assertIn(words, none.reason)

    def test_rules_are_registered_and_advice_comes_once(self) -> None:
        perturb, stop = wire.ReportResponse().advice, wire.ReportResponse().advice
        perturb.condition = wire.number("RuleCondition", "RULE_CONDITION_CERTIFICATE_LAPSED")
        perturb.action, perturb.step, perturb.observed_step = wire.number("RuleAction", "RULE_ACTION_PERTURB"), 20, 20
        perturb.check, perturb.text = "tangent-kernel", "it lapsed"
        stop.condition = wire.number("RuleCondition", "RULE_CONDITION_LOSS_DIVERGED")
        stop.action, stop.observed_step = wire.number("RuleAction", "RULE_ACTION_STOP"), 30
        stop.value, stop.limit, stop.text = 9.0, 4.0, "the loss is too high"
        heard: List[fullrank.Advice] = []

        def hear(advice: fullrank.Advice) -> None:
            heard.append(advice)
            raise RuntimeError("a fault of the program")

        rules = [
            fullrank.Rule("certificate-lapsed", "perturb", noise=0.5),
            fullrank.Rule("loss-diverged", "stop", threshold=2),
        ]
        # As after a connection that was lost.
        with Server(advice=[perturb, perturb, stop, perturb]) as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = start(server.address, rules=rules, on_advice=hear)
            run.log(loss=1.0)
            self.assertTrue(until(lambda: len(heard) == 2 and bool(run.stopped)))
            self.assertTrue(run.end())
            sent = server.records.requests[0].spec.rules
            (result,) = server.records.of("result")
        self.assertEqual([(rule.action, rule.noise, rule.HasField("threshold")) for rule in sent], [(3, 0.5, False), (1, 0.0, True)])
        self.assertEqual(
            heard,
            [
                fullrank.Advice("certificate-lapsed", "perturb", 20, None, None, "tangent-kernel", "", "it lapsed"),
                fullrank.Advice("loss-diverged", "stop", 30, 9.0, 4.0, "", "", "the loss is too high"),
            ],
        )
        self.assertEqual(list(run.advice), heard)
        self.assertEqual(run.stopped, "the loss is too high")
        self.assertEqual((wire.name("RunState", result.state), result.reason), ("CANCELLED", "the loss is too high"))
        self.assertTrue(any("on_advice failed" in line for line in logs.output))
        with self.assertRaisesRegex(ValueError, "rule.do: 'halt' is not one of stop, checkpoint, perturb"):
            fullrank.Rule("loss-diverged", "halt")

    def test_verdicts_of_other_checks_are_kept_apart(self) -> None:
        with Server(other_checks=["tangent-kernel"]) as server, self.assertLogs("fullrank", "WARNING"):
            run = start(server.address)
            run.features(1, features())
            self.assertTrue(run.await_verdict(1, 20).certified)
            self.assertEqual(run.await_verdict(1, 20, check="tangent-kernel").outcome, "REFUTED")
            self.assertEqual(run.verdicts_of("tangent-kernel")[1].outcome, "REFUTED")
            self.assertTrue(run.verdicts[1].certified)
            self.assertTrue(run.end())

    def test_a_server_can_stop_a_run(self) -> None:
        with Server(stop_reason="cancelled by somebody") as server, self.assertLogs("fullrank", "WARNING"):
            run = start(server.address)
            run.log(loss=1.0)
            run.features(1, features())
            run.await_verdict(1, 20)
            self.assertEqual(run.stopped, "cancelled by somebody")
            self.assertTrue(run.end())
            (result,) = server.records.of("result")
            self.assertEqual(wire.name("RunState", result.state), "CANCELLED")

    def test_heartbeats_come_while_nothing_is_reported(self) -> None:
        with Server(heartbeat=0.2) as server:
            run = start(server.address)
            run.log(loss=1.0)
            deadline = time.monotonic() + 20
            while len(server.records.beats) < 5 and time.monotonic() < deadline:
                run.await_verdict(99, 0.1)
            self.assertGreaterEqual(len(server.records.beats), 5)
            self.assertTrue(run.end())

    def test_a_context_that_fails_reports_why(self) -> None:
        with Server() as server:
            with self.assertRaises(ZeroDivisionError), start(server.address) as run:
                run.log(loss=1.0)
                1 / 0
            (result,) = server.records.of("result")
            self.assertEqual(wire.name("RunState", result.state), "FAILED")
            self.assertIn("ZeroDivisionError", result.reason)

    def test_reports_wait_for_a_description(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = fullrank.start("core", server=server.address)
            run.log(loss=1.0)
            run.log(loss=2.0)
            self.assertEqual(server.records.requests, [])
            run.describe(fullrank.Network(last_hidden_width=4, outputs=2))
            run.log(loss=3.0)
            self.assertTrue(run.end())
            self.assertEqual([p.batch_loss for p in server.records.of("progress")], [1.0, 2.0, 3.0])
        self.assertEqual(len(logs.output), 1)


    def test_a_run_that_was_never_described_ends_at_once(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            run = fullrank.start("core", server=server.address)
            run.log(loss=1.0)
            before = time.monotonic()
            self.assertFalse(run.end(timeout=20.0))
            self.assertLess(time.monotonic() - before, 5)
            self.assertEqual(server.records.requests, [])
        self.assertEqual(len(logs.output), 1)
        self.assertIn("run.describe", logs.output[0])


class FaultTest(unittest.TestCase):
    """Nothing that a server does, or leaves, is felt by the program that trains."""

    def slowest_of_log(self, run: fullrank.Run, calls: int = 3000) -> float:
        """99th percentile of the time that a call takes, in seconds."""
        times: List[float] = []
        gc.disable()
        try:
            for step in range(calls):
                before = time.perf_counter()
                run.log(loss=1.0, step=step)
                times.append(time.perf_counter() - before)
        finally:
            gc.enable()
        return sorted(times)[int(0.99 * calls)]

    def test_without_a_server(self) -> None:
        with Nobody() as nobody, self.assertLogs("fullrank", "WARNING"):
            run = start(nobody.address)
            self.assertLess(self.slowest_of_log(run), 1e-3)
            self.assertEqual(run.dropped, 3000 - outbox_module.CAPACITY)
            self.assertIsNone(run.await_verdict(1, 0.1))
            self.assertFalse(run.end(timeout=0.5))
            self.assertEqual(run.dropped, 3000)

    def test_with_a_black_hole(self) -> None:
        with BlackHole() as hole, self.assertLogs("fullrank", "WARNING"):
            run = start(hole.address)
            self.assertLess(self.slowest_of_log(run), 1e-3)
            before = time.monotonic()
            self.assertFalse(run.end(timeout=0.5))
            self.assertLess(time.monotonic() - before, 5)

    def test_the_end_waits_for_the_last_verdict_where_the_run_is_known_and_not_otherwise(self) -> None:
        with Server() as server:
            run = start(server.address)
            run.features(7, features())
            self.assertTrue(run.end(verdict_of=7))
            self.assertEqual(run.verdicts[7].outcome, "CERTIFIED")
        with BlackHole() as hole, self.assertLogs("fullrank", "WARNING"):
            run = start(hole.address)
            run.features(7, features())
            before = time.monotonic()
            self.assertFalse(run.end(verdict_of=7, timeout=3.0))
            self.assertLess(time.monotonic() - before, 5.9)

    def test_with_a_slow_server(self) -> None:
        before = set(threading.enumerate())
        with Server(delay=0.05) as server:
            run = start(server.address)
            self.assertLess(self.slowest_of_log(run), 1e-3)
            with self.assertLogs("fullrank", "WARNING"):
                self.assertFalse(run.end(timeout=0.5))
            self.assertTrue(until(lambda: "fullrank" not in [t.name for t in set(threading.enumerate()) - before]))
            self.assertGreater(run.dropped, 0)
            arrived = [p.step for p in server.records.of("progress")]
            self.assertEqual(arrived, sorted(set(arrived)))
            # Nothing is lost without being counted; what was on its way at the end may be counted and arrive all the same.
            self.assertGreaterEqual(len(arrived) + run.dropped, 3000)

    def test_a_server_that_is_killed_in_an_upload_and_comes_back(self) -> None:
        records = Records()
        first = Server(records, dies_at_piece=3)
        with self.assertLogs("fullrank", "WARNING") as logs:
            run = start(first.address, rows=40, columns=40000)
            matrix = features(40, 40000)
            run.log(loss=1.0)
            run.features(5, matrix, witness=True)
            deadline = time.monotonic() + 20
            while records.pieces < 3 and time.monotonic() < deadline:
                run.await_verdict(5, 0.05)
            first.kill()
            run.log(loss=2.0)
            with Server(records, first.port):
                verdict = run.await_verdict(5, 30)
                self.assertEqual(verdict.outcome, "CERTIFIED")
                self.assertTrue(run.end())
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertEqual(list(records.features), [(run.id, 1, 5)])
        np.testing.assert_array_equal(records.features[run.id, 1, 5], matrix)
        self.assertEqual([b.attempt for b in records.begins], [1, 1])
        self.assertEqual([p.batch_loss for p in records.of("progress")][-1], 2.0)
        self.assertEqual(run.dropped, 0)
        self.assertEqual(len(records.of("result")), 1)

    def test_a_program_that_is_killed_and_started_again_goes_on_with_its_run(self) -> None:
        program = (
            "import fullrank, os, sys, time\n"
            "run = fullrank.start('core', server=sys.argv[1], resume=sys.argv[2],"
            " resumed_from_step=int(sys.argv[3]) or None)\n"
            "run.describe(fullrank.Network(last_hidden_width=4, outputs=2))\n"
            "run.log(loss=1.0)\n"
            "while not run.id: time.sleep(0.01)\n"
            "if sys.argv[3] == '0': os.kill(os.getpid(), 9)\n"
            "sys.exit(not run.end())\n"
        )
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            kept = str(Path(folder, "run.json"))
            environment = {**os.environ, "PYTHONPATH": str(PYTHON / "src")}
            for step, code in (("0", -9), ("1", 0)):
                done = subprocess.run([sys.executable, "-c", program, server.address, kept, step], env=environment, timeout=60)
                self.assertEqual(done.returncode, code)
            self.assertEqual(len({r.run_key for r in server.records.requests}), 1)
            self.assertEqual(server.records.begins[-1].attempt, 2)
            self.assertEqual(server.records.begins[-1].resumed_from_step, 1)
            self.assertEqual(os.stat(kept).st_mode & 0o777, 0o600)
            self.assertEqual(json.loads(Path(kept).read_text())["run"], server.records.begins[-1].run)

    def test_a_program_that_forgets_to_end_its_run_fails_and_exits_soon(self) -> None:
        program = (
            "import fullrank, sys\n"
            "run = fullrank.start('core', server=sys.argv[1])\n"
            "run.describe(fullrank.Network(last_hidden_width=4, outputs=2))\n"
            "run.log(loss=1.0)\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(PYTHON / "src")}
        with Server() as server:
            subprocess.run([sys.executable, "-c", program, server.address], env=environment, timeout=60, check=True)
            (result,) = server.records.of("result")
            self.assertEqual(wire.name("RunState", result.state), "FAILED")
        with BlackHole() as hole:
            before = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", program, hole.address], env=environment, timeout=60, capture_output=True, text=True
            )
            self.assertEqual(done.returncode, 0)
            self.assertLess(time.monotonic() - before, 20)
            self.assertEqual(len(done.stderr.strip().splitlines()), 2, done.stderr)

    def test_a_forked_child_reports_nothing(self) -> None:
        with Server() as server:
            run = start(server.address)
            run.log(loss=1.0)
            run.features(1, features())
            self.assertIsNotNone(run.await_verdict(1, 20))
            child = os.fork()
            if child == 0:
                run.log(loss=2.0)
                run.end()
                os._exit(0)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertTrue(run.end())
            self.assertEqual([p.batch_loss for p in server.records.of("progress")], [1.0])

    def test_other_ranks_than_the_first_report_nothing(self) -> None:
        with Server() as server, unittest.mock.patch.dict(os.environ, {"RANK": "1"}):
            run = start(server.address)
            run.log(loss=1.0)
            self.assertFalse(run.end())
            self.assertEqual(server.records.requests, [])


class OutboxTest(unittest.TestCase):
    def put(self, outbox: Outbox, witness: bool) -> np.ndarray:
        matrix = features()
        outbox.put(Report(lambda: None, matrix, witness=witness))
        return matrix

    def test_a_newer_matrix_takes_the_place_of_an_older_one_but_not_of_a_witness(self) -> None:
        outbox = Outbox()
        older, newer = self.put(outbox, False), self.put(outbox, False)
        self.assertFalse(outbox.holds(older))
        self.assertTrue(outbox.holds(newer))
        witness = self.put(outbox, True)
        self.assertFalse(outbox.holds(newer))
        late = self.put(outbox, False)
        self.assertTrue(outbox.holds(witness))
        self.assertFalse(outbox.holds(late))
        self.assertEqual(outbox.dropped_snapshots, 3)

    def test_what_was_sent_but_not_accepted_is_sent_again(self) -> None:
        outbox = Outbox()
        reports = [Report(lambda: None, droppable=True) for _ in range(3)]
        for report in reports:
            outbox.put(report)
        for sequence, report in enumerate(reports, 1):
            self.assertIs(outbox.next(0, lambda: True), report)
            report.sequence = sequence
        outbox.accepted(1)
        outbox.rewind()
        self.assertIs(outbox.next(0, lambda: True), reports[1])
        self.assertIs(outbox.next(0, lambda: True), reports[2])
        self.assertIsNone(outbox.next(0, lambda: True))
        reports[1].sequence, reports[2].sequence = 1, 2
        outbox.accepted(2)
        self.assertTrue(outbox.wait_until_empty(0))


class FileTest(unittest.TestCase):
    def read(self, path: Path) -> List[bytes]:
        data = path.read_bytes()
        self.assertTrue(data.startswith(b"FULLRANK1\n"))
        at, messages = 10, []
        while at < len(data):
            length = shift = 0
            while True:
                byte = data[at]
                at += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            messages.append(data[at : at + length])
            at += length
        self.assertEqual(at, len(data))
        return messages

    def test_a_file_holds_what_a_server_would_have_been_sent(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "run.fullrank")
            run = fullrank.start("core", file=path)
            run.describe(fullrank.Network(last_hidden_width=4000, outputs=3), fullrank.DataSet(train_rows=200))
            matrix = features(200, 4000)
            run.log(loss=0.5)
            run.features(1, matrix)
            self.assertTrue(run.end(test_error=0.5))
            first, *rest = self.read(path)
            self.assertEqual(wire.RegisterRunRequest.FromString(first).spec.name, "core")
            requests = [wire.ReportRequest.FromString(each) for each in rest]
            kinds = [r.WhichOneof("report") for r in requests]
            self.assertEqual(kinds[:3], ["begin", "progress", "snapshot"])
            self.assertEqual(kinds[3:], ["features_piece"] * 4 + ["result"])
            self.assertEqual([r.sequence for r in requests], list(range(1, len(requests) + 1)))
            self.assertEqual(b"".join(r.features_piece for r in requests), matrix.tobytes())
            with self.assertRaisesRegex(ValueError, "exists"):
                fullrank.start("core", file=path)


class ArgumentsTest(unittest.TestCase):
    def test_wrong_arguments_say_what_to_do(self) -> None:
        cases = {
            "start with a letter|starting with a letter": dict(name="Core!", server="localhost"),
            "server='host:9001'": dict(name="core"),
            "host:port": dict(name="core", server="a/b c"),
            "given together": dict(name="core", server="localhost", cert=__file__),
            "must not travel in plain text": dict(name="core", server="localhost", token_file=__file__),
            "not one of base, two-phase": dict(name="core", server="localhost", variant="both"),
            "neither one of": dict(name="core", server="localhost", mirrors=["paper"]),
        }
        for words, arguments in cases.items():
            with self.subTest(words), self.assertRaisesRegex(ValueError, words):
                fullrank.start(**arguments)

    def test_the_port_is_9001_unless_given(self) -> None:
        from fullrank.connection import Connection

        for given, target in {
            "localhost": "localhost:9001",
            "localhost:7": "localhost:7",
            "[::1]": "[::1]:9001",
            "[::1]:7": "[::1]:7",
            "https://host": "host:9001",
        }.items():
            self.assertEqual(Connection.to(given).target, target)
        self.assertTrue(Connection.to("https://host").secure)
        self.assertFalse(Connection.to("host").secure)


if __name__ == "__main__":
    unittest.main()

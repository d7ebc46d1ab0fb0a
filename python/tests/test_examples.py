"""The examples run to the end and are certified, each where its framework is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import List

from fullrank import wire
from ingest import Server

PYTHON = Path(__file__).resolve().parents[1]


def needs(*modules: str):
    missing = [m for m in modules if not importlib.util.find_spec(m)]
    return unittest.skipIf(missing, f"{' and '.join(missing)} not installed")


class ExamplesTest(unittest.TestCase):
    def run_example(self, name: str, *arguments: str, runs: int = 1) -> List[str]:
        with Server() as server:
            done = self.start(name, server, *arguments)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            results = server.records.of("result")
            self.assertEqual([wire.name("RunState", r.state) for r in results], ["FINISHED"] * runs)
            self.assertGreaterEqual(len(server.records.features), runs)
            self.assertGreater(len(server.records.of("progress")), 0)
        return done.stdout.splitlines()

    def start(self, name: str, server: Server, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PYTHONPATH": str(PYTHON / "src"), "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax"}
        return subprocess.run(
            [sys.executable, PYTHON / "examples" / name, "--server", server.address, *arguments],
            env=environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip

    def test_numpy_alone(self) -> None:
        lines = self.run_example("numpy_digits.py", "--steps", "20")
        self.assertRegex(lines[0], "witness: .*CERTIFIED")

    @needs("torch")
    def test_plain_loop(self) -> None:
        lines = self.run_example("semeion_mlp.py", "--seeds", "1", "--epochs", "2", runs=2)
        self.assertIn('"statement": "LIMIT"', lines[2])

    @needs("torch")
    def test_residual_network(self) -> None:
        self.run_example("semeion_resnet.py", "--seeds", "1", "--epochs", "1", "--activation", "relu", runs=2)

    @needs("torch")
    def test_a_rule_stops_narrow_networks(self) -> None:
        stop = wire.ReportResponse().advice
        stop.condition = wire.number("RuleCondition", "RULE_CONDITION_CERTIFICATE_LAPSED")
        stop.action, stop.text = wire.number("RuleAction", "RULE_ACTION_STOP"), "tangent-kernel lapsed"
        for model, layers in (("mlp", ["4"]), ("resnet", ["6"])):
            with self.subTest(model), Server(other_checks=["tangent-kernel"], advice=[stop]) as server:
                done = self.start("tangent_kernel.py", server, "--model", model, "--examples", "20")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("tangent-kernel of", done.stdout)
                self.assertIn("REFUTED", done.stdout)
                self.assertTrue(done.stdout.endswith("stopped: tangent-kernel lapsed\n"), done.stdout)
                (result,) = server.records.of("result")
                self.assertEqual(wire.name("RunState", result.state), "CANCELLED")
                announced = server.records.of("snapshot")[0]
                self.assertEqual([layer.layer for layer in announced.factors.layers], layers)
                self.assertEqual(announced.factors.layers[0].inputs.shape[0], 20)
                (rule,) = server.records.requests[0].spec.rules
                self.assertEqual((rule.when, rule.action), (stop.condition, stop.action))

    @needs("lightning")
    def test_lightning(self) -> None:
        lines = self.run_example("lightning_digits.py")
        self.assertEqual([line.split()[:2] for line in lines if "CERTIFIED" in line][-1], ["120", "CERTIFIED"])

    @needs("transformers", "accelerate", "torch")
    def test_transformers(self) -> None:
        lines = self.run_example("transformers_text.py", "--steps", "20")
        self.assertTrue(any(line.startswith("20 ") for line in lines), lines)

    @needs("keras", "jax")
    def test_keras(self) -> None:
        lines = self.run_example("keras_digits.py")
        self.assertIn("120 CERTIFIED", " ".join(lines))

    @needs("jax")
    def test_jax(self) -> None:
        witness, guarantee = self.run_example("jax_digits.py")
        self.assertIn("CERTIFIED", witness)
        self.assertTrue(guarantee.startswith("guarantee: LIMIT 0."), guarantee)


if __name__ == "__main__":
    unittest.main()

"""Verdicts in other loggers: in the real ones where they are installed, else in stand-ins with their calls."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import types
import unittest
import unittest.mock
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

import fullrank
from ingest import Server

CERTIFIED, BOUND = "fullrank/certified", "fullrank/sigma_min_lower_bound"


def two_verdicts(mirror: Any) -> List[fullrank.Verdict]:
    """Lets a certified and a refuted matrix be judged."""
    with Server() as server:
        run = fullrank.start("mirror", server=server.address, mirrors=[mirror])
        run.describe(fullrank.Network(last_hidden_width=30, outputs=3))
        verdicts = []
        for step, matrix in ((10, np.random.default_rng(1).normal(size=(20, 30))), (20, np.ones((20, 30)))):
            run.features(step, matrix)
            verdicts.append(run.await_verdict(step, 20))
        if not run.end():
            raise AssertionError("not everything was accepted")
    return verdicts


class MirrorTest(unittest.TestCase):
    def setUp(self) -> None:
        # Of the verdict that refutes.
        warnings = self.assertLogs("fullrank", "WARNING")
        self.logs = warnings.__enter__()
        self.addCleanup(warnings.__exit__, None, None, None)

    @unittest.skipUnless(
        importlib.util.find_spec("torch") and importlib.util.find_spec("tensorboard"), "torch or tensorboard is not installed"
    )
    def test_tensorboard(self) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from torch.utils.tensorboard import SummaryWriter

        with tempfile.TemporaryDirectory() as folder:
            with SummaryWriter(str(Path(folder, "given"))) as writer:
                certified, _ = two_verdicts(writer)
            before = os.getcwd()
            os.chdir(folder)
            try:
                two_verdicts("tensorboard")
            finally:
                os.chdir(before)
            (made,) = Path(folder, "runs").iterdir()
            for logged in (Path(folder, "given"), made):
                events = EventAccumulator(str(logged))
                events.Reload()
                self.assertEqual([(e.step, e.value) for e in events.Scalars(CERTIFIED)], [(10, 1.0), (20, 0.0)])
                (bound,) = events.Scalars(BOUND)
                self.assertEqual((bound.step, bound.value), (10, float(np.float32(certified.sigma_min_lower_bound))))

    @unittest.skipUnless(importlib.util.find_spec("wandb"), "wandb is not installed")
    def test_weights_and_biases(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"WANDB_MODE": "offline", "WANDB_DIR": folder, "WANDB_SILENT": "true"}
            with unittest.mock.patch.dict(os.environ, settings):
                import wandb

                program = wandb.init(project="mirror")
                program.log({"loss": 1.0}, step=5)
                certified, _ = two_verdicts("wandb")
                # The step that the program logs at is still open.
                program.log({"error": 0.5}, step=5)
                program.log({"loss": 0.5}, step=6)
                summary = {key: program.summary[key] for key in (CERTIFIED, BOUND, "fullrank/step", "error")}
                program.finish()
        self.assertEqual(list(summary.values()), [0.0, certified.sigma_min_lower_bound, 20, 0.5])

    @unittest.skipUnless(importlib.util.find_spec("mlflow"), "mlflow is not installed")
    def test_mlflow(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            import mlflow

            mlflow.set_tracking_uri(Path(folder).as_uri())
            with mlflow.start_run() as active:
                certified, _ = two_verdicts("mlflow")
            client = mlflow.MlflowClient()
            history = client.get_metric_history(active.info.run_id, CERTIFIED)
            self.assertEqual([(m.step, m.value) for m in history], [(10, 1.0), (20, 0.0)])
            (bound,) = client.get_metric_history(active.info.run_id, BOUND)
            self.assertEqual((bound.step, bound.value), (10, certified.sigma_min_lower_bound))

    def test_the_calls_of_mlflow(self) -> None:
        logged: List[Tuple[str, str, float, Optional[int]]] = []

        class MlflowClient:
            def log_metric(
                self, run_id: str, key: str, value: float, timestamp: Optional[int] = None, step: Optional[int] = None
            ) -> None:
                logged.append((run_id, key, value, step))

        run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="0123"))
        for active in (run, None):
            logged.clear()
            module = types.ModuleType("mlflow")
            module.__dict__.update(active_run=lambda: active, start_run=lambda: run, MlflowClient=MlflowClient)
            with unittest.mock.patch.dict(sys.modules, {"mlflow": module}):
                certified, _ = two_verdicts("mlflow")
            bound = certified.sigma_min_lower_bound
            self.assertEqual(
                logged, [("0123", CERTIFIED, 1.0, 10), ("0123", BOUND, bound, 10), ("0123", CERTIFIED, 0.0, 20)]
            )

    def test_the_calls_of_weights_and_biases(self) -> None:
        for given in (True, False):
            logged: List[Tuple[Dict[str, float], bool]] = []
            defined: List[Tuple[str, str]] = []

            class WandbRun:
                def define_metric(self, name: str, step_metric: Optional[str] = None) -> None:
                    defined.append((name, step_metric))

                def log(self, data: Dict[str, float], step: Optional[int] = None, commit: Optional[bool] = None) -> None:
                    logged.append((data, commit))

            run = WandbRun()
            module = types.ModuleType("wandb")
            module.__dict__.update(run=run if given else None, init=lambda: run)
            with unittest.mock.patch.dict(sys.modules, {"wandb": module}):
                certified, _ = two_verdicts("wandb")
            self.assertEqual(defined, [("fullrank/*", "fullrank/step")])
            first = {CERTIFIED: 1.0, BOUND: certified.sigma_min_lower_bound, "fullrank/step": 10}
            self.assertEqual(logged, [(first, not given), ({CERTIFIED: 0.0, "fullrank/step": 20}, not given)])

    def test_a_logger_that_fails_is_one_line_and_reports_go_on(self) -> None:
        class Broken:
            def add_scalar(self, name: str, value: float, step: int) -> None:
                raise RuntimeError("the disk is full")

            def flush(self) -> None:
                pass

        self.assertEqual([v.outcome for v in two_verdicts(Broken())], ["CERTIFIED", "REFUTED"])
        told = [line for line in self.logs.output if "mirrored" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("a verdict could not be mirrored: RuntimeError: the disk is full", told[0])

    def test_one_that_is_not_installed_is_said_at_once(self) -> None:
        with unittest.mock.patch.dict(sys.modules, {"mlflow": None}):
            with self.assertRaisesRegex(ValueError, "mirrors: mlflow is not installed"):
                fullrank.start("mirror", server="localhost", mirrors=["mlflow"])
        two_verdicts(types.SimpleNamespace(add_scalar=lambda *_: None, flush=lambda: None))


if __name__ == "__main__":
    unittest.main()

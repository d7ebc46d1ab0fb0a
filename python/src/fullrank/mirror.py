"""Verdicts in other loggers: TensorBoard, MLflow, Weights & Biases, where these are installed and asked for."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from fullrank.guarantee import Verdict

BOUND = "fullrank/sigma_min_lower_bound"
CERTIFIED = "fullrank/certified"


class Mirror(Protocol):
    """Takes verdicts; called by the thread that reports."""

    def verdict(self, verdict: Verdict) -> None:
        """Takes a verdict."""

    def close(self) -> None:
        """Writes out what is left."""


def mirror_of(target: Any) -> Mirror:
    """A mirror.

    Args:
        target: "tensorboard", "mlflow" or "wandb"; or a TensorBoard SummaryWriter.

    Raises:
        ValueError: if there is no such mirror, or it is not installed.
    """
    if hasattr(target, "add_scalar"):
        return TensorBoard(target)
    makers = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
    if target not in makers:
        raise ValueError(f"mirrors: {target!r} is neither one of {', '.join(makers)} nor a SummaryWriter")
    try:
        return makers[target]()
    except ImportError as e:
        raise ValueError(f"mirrors: {target} is not installed ({e})") from e


class TensorBoard:
    """Scalars beside the others of a SummaryWriter."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def verdict(self, verdict: Verdict) -> None:
        """Adds the proven bound, and 1 for a certificate or 0 for none."""
        if verdict.sigma_min_lower_bound is not None:
            self._writer.add_scalar(BOUND, verdict.sigma_min_lower_bound, verdict.step)
        self._writer.add_scalar(CERTIFIED, float(verdict.certified), verdict.step)

    def close(self) -> None:
        """Flushes the writer, which belongs to the program."""
        self._writer.flush()


class _Metrics:
    """Metrics of the run that is active when the mirror is made."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def verdict(self, verdict: Verdict) -> None:
        metrics = {CERTIFIED: float(verdict.certified)}
        if verdict.sigma_min_lower_bound is not None:
            metrics[BOUND] = verdict.sigma_min_lower_bound
        self._log(metrics, verdict.step)

    def close(self) -> None:
        """Nothing is left to write."""


def _tensorboard() -> Mirror:
    return TensorBoard(importlib.import_module("torch.utils.tensorboard").SummaryWriter())


def _mlflow() -> Mirror:
    mlflow = importlib.import_module("mlflow")
    run = mlflow.active_run() or mlflow.start_run()
    client, identity = mlflow.MlflowClient(), run.info.run_id

    def log(metrics: Any, step: int) -> None:
        for key, value in metrics.items():
            client.log_metric(identity, key, value, step=step)

    return _Metrics(log)


def _wandb() -> Mirror:
    wandb = importlib.import_module("wandb")
    active = wandb.run
    run = active or wandb.init()
    # Verdicts come late, and W&B takes no step that lies behind: so the step is a metric of its own, and the step that the
    # program itself logs at stays open.
    run.define_metric("fullrank/*", step_metric="fullrank/step")
    return _Metrics(lambda metrics, step: run.log({**metrics, "fullrank/step": step}, commit=active is None))

"""Reports any training to Fullrank.

Start a run with :func:`start`; ``docs/python.md`` tells the rest. The core needs numpy, grpcio and protobuf; PyTorch,
Lightning, Transformers and Keras are used from ``fullrank.torch`` and ``fullrank.keras`` where they are installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Union

from fullrank.factors import Convolution, Factors, LayerFactors
from fullrank.checks import Checks
from fullrank.guarantee import Guarantee, Verdict
from fullrank.rules import Advice, Rule
from fullrank.run import DataSet, Layer, Network, Run, Training, data_sha256, is_first_rank, transport_to

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "Convolution",
    "DataSet",
    "Factors",
    "Guarantee",
    "Layer",
    "LayerFactors",
    "Network",
    "Rule",
    "Run",
    "Training",
    "Verdict",
    "data_sha256",
    "start",
]


def start(
    name: str,
    *,
    server: Optional[str] = None,
    file: Optional[Union[str, Path]] = None,
    token_file: Optional[str] = None,
    ca: Optional[str] = None,
    cert: Optional[str] = None,
    key: Optional[str] = None,
    seed: int = 0,
    variant: Optional[str] = None,
    experiment: str = "",
    variants: Iterable[str] = (),
    seeds: Iterable[int] = (),
    data_set: str = "",
    margin: float = 0.005,
    resume: Optional[Union[str, Path]] = None,
    resumed_from_step: Optional[int] = None,
    mirrors: Iterable[Any] = (),
    checks: Optional[Checks] = None,
    rules: Iterable[Rule] = (),
    on_advice: Optional[Callable[[Advice], None]] = None,
) -> Run:
    """Starts a run. Returns at once; the run registers itself with its first report.

    Args:
        name: of the experiment: 1 to 63 characters out of a-z, 0-9 and '-', starting with a letter.
        server: of the ingest service: ``host``, ``host:port`` or ``https://host:port``; the port is 9001 if none is given.
        file: instead of a server: a new file for the reports, to be played later by ``fullrank import``.
        token_file: holds the bearer token, where the server wants one.
        ca: PEM file of the authorities that the server's certificate must come from; turns TLS on.
        cert: PEM file of this client's certificate.
        key: PEM file of its private key.
        seed: of the run.
        variant: "base" or "two-phase"; two-phase if ``fullrank.torch.two_phase`` is used, unless given.
        experiment: identity of an experiment to join, another run's :attr:`Run.experiment`; empty for a new one.
        variants: of the whole experiment, as far as known.
        seeds: of the whole experiment, as far as known.
        data_set: its name, for people to read.
        margin: largest difference of test errors, as a fraction, that counts as equivalent.
        resume: a file that keeps the run's identity, so that the program's next start goes on with the same run.
        resumed_from_step: the steps that stand, where the program goes on from a checkpoint of its own.
        mirrors: other loggers for the verdicts: "tensorboard", "mlflow", "wandb" or a SummaryWriter.
        checks: which checks judge the run, each with its parameters, as in the section ``checks`` of an experiment file:
            ``{"expressivity": {}, "tangent-kernel": {"every-epochs": 5}}``; None for those by default.
        rules: what the server advises when training goes wrong.
        on_advice: hears each advice once, on a thread of its own beside training; advice to stop sets
            :attr:`Run.stopped`, too.

    Raises:
        ValueError: if an argument is wrong.
        OSError: if a file cannot be read.
    """
    return Run(
        name,
        transport_to(server, file, token_file, ca, cert, key),
        seed=seed,
        variant=variant,
        experiment=experiment,
        variants=variants,
        seeds=seeds,
        data_set=data_set,
        margin=margin,
        resume=None if resume is None else Path(resume),
        resumed_from_step=resumed_from_step,
        mirrors=mirrors,
        checks=checks,
        rules=rules,
        on_advice=on_advice,
        active=is_first_rank(),
    )

"""What the two examples on Semeion share: the data, the loop over variants and seeds, and the JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

try:
    import fullrank
except ImportError:  # Not installed: take it from this checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import fullrank

import fullrank.torch as ft

# These networks are too small for more threads.
torch.set_num_threads(1)

ROWS = 1000
BATCH = 64
VARIANTS = ("base", "two-phase")


def arguments(description: str, epochs: int) -> argparse.ArgumentParser:
    """The options of both examples."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--server", default="localhost", help="host or host:port of the ingest service")
    parser.add_argument("--token-file", help="file with the bearer token")
    parser.add_argument("--ca", help="PEM file of the authorities of the server's certificate; turns TLS on")
    parser.add_argument("--data", help="folder with semeion/semeion.data; drawn digits of the same size if not given")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--epochs", type=int, default=epochs, help=f"passes over the rows (default: {epochs})")
    parser.add_argument("--json", help="file for the results")
    return parser


def load(folder: Optional[str]) -> Tuple[Any, Any, Any, Any]:
    """Training and test set: 16×16 pixels of 0 or 1 as rows of 256, and labels 0 to 9; 1000 rows train."""
    if folder is None:
        x, y = _drawn(1593)
    else:
        table = np.loadtxt(Path(folder) / "semeion" / "semeion.data")
        x, y = table[:, :256], table[:, 256:266].argmax(1)
    order = np.random.default_rng(1).permutation(len(x))
    x, y = torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order], dtype=torch.int64)
    return x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:]


def _drawn(rows: int) -> Tuple[np.ndarray, np.ndarray]:
    """Ten random shapes, each row one of them with a tenth of its pixels turned over."""
    random = np.random.default_rng(7)
    shapes = random.integers(0, 2, (10, 256))
    labels = random.integers(0, 10, rows)
    return shapes[labels] ^ (random.random((rows, 256)) < 0.1), labels


def initialise(net: nn.Module, head: nn.Module) -> None:
    """He's initialisation, of the output layer without the gain of an activation."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            gain = 1 if module is head else 2
            nn.init.normal_(module.weight, std=math.sqrt(gain / math.prod(module.weight.shape[1:])))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def evaluate(net: nn.Module, x: Any, y: Any) -> Tuple[float, float]:
    """Mean loss and error."""
    net.eval()
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in x.split(BATCH)])
    return F.cross_entropy(outputs, y).item(), (outputs.argmax(1) != y).double().mean().item()


def train(
    options: Any, name: str, make: Callable[[], nn.Module], variant: str, seed: int, experiment: str, data: Any
) -> Tuple[str, Dict[str, Any]]:
    """Trains one run; returns the experiment's identity and the run's line of the JSON."""
    x, y, x_test, y_test = data
    torch.manual_seed(seed)
    net = make()
    steps_of_epoch = math.ceil(ROWS / BATCH)
    total = options.epochs * steps_of_epoch
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    order = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True, generator=order)

    run = fullrank.start(
        name,
        server=options.server,
        token_file=options.token_file,
        ca=options.ca,
        seed=seed,
        variant=variant,
        experiment=experiment,
        variants=VARIANTS,
        seeds=range(1, options.seeds + 1),
        data_set="semeion" if options.data else "drawn",
    )
    tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=total, switch=0.6, noise=1e-3)
    for xb, yb in tp.batches(loader):
        net.train()
        loss = F.cross_entropy(net(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        run.log(loss=loss, epoch=tp.step / steps_of_epoch)
        if tp.step % steps_of_epoch == 0:
            train_loss, train_error = evaluate(net, x, y)
            test_loss, test_error = evaluate(net, x_test, y_test)
            run.log(
                train_loss=train_loss,
                train_error=train_error,
                test_loss=test_loss,
                test_error=test_error,
                epoch=tp.step / steps_of_epoch,
            )
    tp.finish(each_step=schedule.step)
    train_loss, train_error = evaluate(net, x, y)
    _, test_error = evaluate(net, x_test, y_test)
    verdict = run.await_verdict(tp.witness_step)
    if tp.features is not None:
        with_ones = np.hstack([tp.features, np.ones((ROWS, 1), np.float32)])
        rank = torch.linalg.matrix_rank(torch.from_numpy(with_ones)).item()
        print(f"witness: {ROWS} rows, {verdict and verdict.outcome}; torch.linalg.matrix_rank in float32 says {rank}")
    accepted = run.end(test_error=test_error, train_error=train_error, train_loss=train_loss)
    guarantee = run.guarantee
    return run.experiment, {
        "run": run.id,
        "variant": variant,
        "seed": seed,
        "state": "FINISHED" if accepted else "UNKNOWN",
        "testError": test_error,
        "trainLoss": train_loss,
        "verdict": None
        if verdict is None
        else {
            "outcome": verdict.outcome,
            "method": verdict.method,
            "rows": verdict.rows,
            "columns": verdict.columns,
            "sigmaMinLowerBound": verdict.sigma_min_lower_bound,
            "featureSource": verdict.feature_source,
        },
        "guarantee": None
        if guarantee is None
        else {"statement": guarantee.statement, "optimalityGap": guarantee.optimality_gap},
        "dropped": run.dropped,
    }


def compare(options: Any, name: str, make: Callable[[], nn.Module]) -> int:
    """Trains both variants with all seeds in one experiment; returns the exit status."""
    data = load(options.data)
    experiment = ""
    results: List[Dict[str, Any]] = []
    for seed in range(1, options.seeds + 1):
        for variant in VARIANTS:
            experiment, result = train(options, name, make, variant, seed, experiment, data)
            results.append(result)
            print(json.dumps(result), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"experiment {experiment}: see the page, or fullrank compare {experiment} --server HOST")
    return 0 if all(result["state"] == "FINISHED" for result in results) else 1

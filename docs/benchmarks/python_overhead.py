"""What watching costs a training in PyTorch: time of a step of a residual network, with and without Fullrank.

python python_overhead.py --server localhost [--rows 4000] [--width 4096] [--epochs 3] [--repeats 3]

Each way of watching trains the same steps from the same weights. Ways take turns, so that what else the machine does hits all of
them; printed is the least total of the repeats, and by how much it is above that of the plain loop. Features and histograms are
due once: their cost is measured on one epoch and given for one in ten. Needs torch, and tensorboard for its row.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict

import torch
import torch.nn as nn
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python" / "src"), str(ROOT / "docs" / "benchmarks")]

import fullrank  # noqa: E402
import fullrank.torch as ft  # noqa: E402
from resnet_pytorch import Network, stages  # noqa: E402

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="localhost")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    x = torch.randn(options.rows, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    y = torch.randint(0, 10, (options.rows,), generator=torch.Generator().manual_seed(2))

    def train(each_step: Callable[[Any, int], None], prepare: Callable[[nn.Module, Any], Any]) -> float:
        torch.manual_seed(1)
        net = Network(stages(1), options.width)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        state = prepare(net, optimizer)
        before = time.perf_counter()
        step = 0
        for _ in range(options.epochs):
            for start in range(0, options.rows, BATCH):
                loss = F.cross_entropy(net(x[start : start + BATCH]), y[start : start + BATCH])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                each_step((state, net, loss), step)
        taken = time.perf_counter() - before
        if isinstance(state, tuple):
            watch, run = state
            watch.close()
            run.end(timeout=120)
            assert run.dropped == 0, f"{run.dropped} reports were dropped"
        return taken

    def watched(net: nn.Module, optimizer: Any) -> Any:
        run = fullrank.start("python-overhead", server=options.server)
        return ft.watch(run, net, data=x, optimizer=optimizer, batch_size=BATCH, loss="cross-entropy"), run

    steps = options.epochs * -(-options.rows // BATCH)

    def log(state: Any, step: int) -> None:
        state[0][1].log(loss=state[2])

    def log_and_send(state: Any, step: int) -> None:
        log(state, step)
        if step == steps:
            state[0][0].send()

    ways: Dict[str, Callable[[], float]] = {
        "plain loop": lambda: train(lambda state, step: None, lambda net, optimizer: None),
        "progress and gradient norms every step": lambda: train(log, watched),
        "the same, and features once": lambda: train(log_and_send, watched),
    }
    if importlib.util.find_spec("tensorboard"):
        from torch.utils.tensorboard import SummaryWriter

        folder = tempfile.mkdtemp()

        def histogram(state: Any, step: int) -> None:
            if step == steps:
                grabbed = []
                hook = state[1].output.register_forward_pre_hook(lambda module, inputs: grabbed.append(inputs[0]))
                state[1].eval()
                with torch.no_grad():
                    for part in x.split(BATCH):
                        state[1](part)
                hook.remove()
                state[0].add_histogram("features", torch.cat(grabbed), step)

        ways["TensorBoard: add_histogram of the features once"] = lambda: train(
            histogram, lambda net, optimizer: SummaryWriter(folder)
        )

    least = {name: float("inf") for name in ways}
    for _ in range(options.repeats):
        for name, measure in ways.items():
            least[name] = min(least[name], measure())
    plain = least["plain loop"]
    norms = least["progress and gradient norms every step"]
    print(f"n = {options.rows}, width {options.width}, {steps} steps, {1000 * plain / steps:.1f} ms a step alone")
    for name, taken in least.items():
        print(f"{name}: {taken:.2f} s, {100 * (taken / plain - 1):+.1f} %")
    once = least["the same, and features once"] - norms
    epoch = plain / options.epochs
    print(f"features every 10th epoch: {100 * once / (10 * epoch):+.1f} %")
    print(f"witness only, in 40 epochs: {100 * once / (40 * epoch):+.1f} %")
    if len(ways) == 4:
        histograms = least["TensorBoard: add_histogram of the features once"] - plain
        print(f"TensorBoard's histograms every 10th epoch: {100 * histograms / (10 * epoch):+.1f} %")


if __name__ == "__main__":
    main()

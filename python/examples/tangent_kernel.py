"""Networks that are too narrow for certified features: verdicts of the tangent kernel, and a rule that stops a collapse.

python tangent_kernel.py --server localhost --model mlp

After --collapse-after epochs the biases of the first layer are set so low that all its units die, as a step that was too long
does it. The Jacobian, which had full row rank, has it no longer; the server advises to stop, and the program does.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from semeion import BATCH, arguments, initialise, load

import fullrank
import fullrank.torch as ft

CHECK = "tangent-kernel"


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(x + self.norms[1](self.second(y)))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 16, 16)), nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), Block(16),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip


MODELS = {"mlp": mlp, "resnet": resnet}


def collapse(net: nn.Module) -> None:
    """Kills all units of the first layer with biases, and with it what follows."""
    first = next(m for m in net if isinstance(m, (nn.Linear, nn.Conv2d)))
    with torch.no_grad():
        first.weight.zero_()
        first.bias.fill_(-100.0)


def main() -> int:
    parser = arguments(__doc__.splitlines()[0], epochs=12)
    parser.add_argument("--model", choices=sorted(MODELS), default="mlp")
    parser.add_argument("--collapse-after", type=int, default=4, help="epochs; 0 for never (default: 4)")
    parser.add_argument("--examples", type=int, default=100, help="that the Jacobian is about (default: 100)")
    options = parser.parse_args()
    x, y, _, _ = load(options.data)
    torch.manual_seed(1)
    net = MODELS[options.model]()
    initialise(net, net[-1])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    run = fullrank.start(
        f"tangent-kernel-{options.model}",
        server=options.server,
        token_file=options.token_file,
        ca=options.ca,
        rules=[fullrank.Rule("certificate-lapsed", "stop")],
        on_advice=lambda advice: print(f"advice: {advice.text}", flush=True),
    )
    probe = ft.JacobianProbe(net, x, y, examples=options.examples)
    watch = ft.watch(run, net, data=x, optimizer=optimizer, batch_size=BATCH, loss="cross-entropy", jacobian=probe)
    for epoch in range(1, options.epochs + 1):
        net.train()
        for xb, yb in loader:
            loss = F.cross_entropy(net(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss, epoch=epoch)
        if epoch == options.collapse_after + 1 and options.collapse_after:
            collapse(net)
        watch.send()
        verdict = run.await_verdict(watch.step, check=CHECK)
        bound = "" if verdict is None or verdict.sigma_min_lower_bound is None else f", σ_min ≥ {verdict.sigma_min_lower_bound:.3g}"
        print(f"step {watch.step}: {CHECK} of {', '.join(probe.layers)}: {verdict and verdict.outcome}{bound}", flush=True)
        if run.stopped:
            break
    watch.close()
    stopped = run.stopped
    accepted = run.end()
    print(f"{run.id}: " + (f"stopped: {stopped}" if stopped else "ran to its end"))
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())

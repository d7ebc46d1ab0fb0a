"""Semeion (or drawn digits) with a fully-connected network 256-64-64-1280-10: the base algorithm and its two-phase form.

python semeion_mlp.py --server localhost --data DIR --json out.json
"""

from __future__ import annotations

import sys

import torch.nn as nn

from semeion import arguments, compare, initialise


def network() -> nn.Module:
    """Softplus of sharpness 100 is close to ReLU, but real-analytic."""
    widths = [256, 64, 64, 1280]
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.Softplus(beta=100)]
    head = nn.Linear(widths[-1], 10)
    net = nn.Sequential(*layers, head)
    initialise(net, head)
    return net


if __name__ == "__main__":
    sys.exit(compare(arguments(__doc__.splitlines()[0], epochs=40).parse_args(), "semeion-mlp", network))

"""Semeion (or drawn digits) with a small residual network with batch normalisation and a last hidden layer of 1280 units.

python semeion_resnet.py --server localhost --data DIR --activation relu --json out.json

In evaluation mode batch normalisation is an affine function, so only the activation decides whether the network is analytic.
"""

from __future__ import annotations

import sys
from typing import Any

import torch.nn as nn
import torch.nn.functional as F

from semeion import arguments, compare, initialise

ACTIVATIONS = {"softplus": lambda z: F.softplus(z, beta=100), "relu": F.relu}


class Block(nn.Module):
    """A residual block with activation before convolution (He, Zhang, Ren, Sun, ECCV 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Any) -> None:
        super().__init__()
        self.activation = activation
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        changes = inputs != outputs or stride != 1
        self.projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, x: Any) -> Any:
        a = self.activation(self.norm1(x))
        shortcut = x if self.projection is None else self.projection(a)
        return self.conv2(self.activation(self.norm2(self.conv1(a)))) + shortcut


class ResidualNetwork(nn.Module):
    """Three blocks on pictures of 16×16, then a wide fully-connected hidden layer."""

    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.activation = activation
        self.stem = nn.Conv2d(1, 8, 3, 1, 1, bias=False)
        self.blocks = nn.Sequential(
            Block(8, 8, 1, activation), Block(8, 16, 2, activation), Block(16, 32, 2, activation)
        )
        self.norm = nn.BatchNorm2d(32)
        self.wide, self.output = nn.Linear(32, 1280), nn.Linear(1280, 10)
        initialise(self, self.output)

    def forward(self, x: Any) -> Any:
        pictures = x.reshape(-1, 1, 16, 16)
        pooled = self.activation(self.norm(self.blocks(self.stem(pictures)))).mean((2, 3))
        return self.output(self.activation(self.wide(pooled)))


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0], epochs=20)
    parser.add_argument("--activation", choices=list(ACTIVATIONS), default="softplus")
    options = parser.parse_args()
    activation = ACTIVATIONS[options.activation]
    sys.exit(compare(options, f"semeion-resnet-{options.activation}", lambda: ResidualNetwork(activation)))

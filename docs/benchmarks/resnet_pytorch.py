"""The examples semeion-resnet and mnist-resnet in PyTorch: test error of the base algorithm, and CPU time of a step on one thread.

Needs torch and numpy. Rows are drawn with numpy, not as Fullrank draws them: errors compare on average only.
    python3 resnet_pytorch.py semeion DATA_DIRECTORY [seeds]
    python3 resnet_pytorch.py mnist DATA_DIRECTORY [seeds]
    python3 resnet_pytorch.py speed
"""

import gzip
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def act(z):
    return F.softplus(z, beta=100.0)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        changes = inputs != outputs or stride != 1
        self.projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, x):
        a = act(self.norm1(x))
        shortcut = x if self.projection is None else self.projection(a)
        return self.conv2(act(self.norm2(self.conv1(a)))) + shortcut


class Network(nn.Module):
    def __init__(self, stages, wide, classes=10):
        super().__init__()
        channels = stages[0][1]
        self.stem = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        blocks = []
        for count, outputs, stride in stages:
            for k in range(count):
                blocks.append(Block(channels, outputs, stride if k == 0 else 1))
                channels = outputs
        self.blocks, self.norm = nn.Sequential(*blocks), nn.BatchNorm2d(channels)
        self.wide, self.output = nn.Linear(channels, wide), nn.Linear(wide, classes)
        for layer in self.modules():  # He's initialisation.
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                gain = 1 if layer is self.output else 2
                fan_in = math.prod(layer.weight.shape[1:])
                nn.init.normal_(layer.weight, std=math.sqrt(gain / fan_in))
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x):
        pooled = act(self.norm(self.blocks(self.stem(x)))).mean((2, 3))
        return self.output(act(self.wide(pooled)))


def stages(blocks, last=32):
    return [(blocks, 8, 1), (blocks, 16, 2), (blocks, last, 2)]


def idx(folder, stem):
    file = next(f for f in Path(folder).iterdir() if f.name.replace(".", "-").startswith(stem))
    data = (gzip.open if file.suffix == ".gz" else open)(file, "rb").read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def semeion(data):
    table = np.loadtxt(Path(data) / "semeion" / "semeion.data")
    x, y = table[:, :256].reshape(-1, 1, 16, 16), table[:, 256:266].argmax(1)
    order = np.random.default_rng(1).permutation(len(x))
    return x[order[:1000]], y[order[:1000]], x[order[1000:]], y[order[1000:]], 32, 1280, 20


def mnist(data):
    folder = Path(data) / "mnist-10k"
    x, y = idx(folder, "train-images")[:, None] / 255.0, idx(folder, "train-labels")
    order = np.random.default_rng(1).permutation(len(x))[:2000]
    return x[order], y[order], idx(folder, "t10k-images")[:, None] / 255.0, idx(folder, "t10k-labels"), 64, 2304, 15


def train(x, y, xt, yt, channels, wide, epochs, seed):
    torch.manual_seed(seed)
    x, xt = torch.tensor(x, dtype=torch.float32), torch.tensor(xt, dtype=torch.float32)
    y, yt = torch.tensor(y, dtype=torch.long), torch.tensor(yt, dtype=torch.long)
    network = Network(stages(1, channels), wide)
    sgd = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-5)
    steps = epochs * math.ceil(len(x) / 64)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            sgd.zero_grad()
            F.cross_entropy(network(x[batch]), y[batch]).backward()
            sgd.step()
            cosine.step()
    network.eval()
    with torch.no_grad():
        error = 1 - (torch.cat([network(part) for part in xt.split(256)]).argmax(1) == yt).float().mean().item()
    print(f"seed {seed}: test error {100 * error:.2f}%", flush=True)
    return error


def speed():
    for blocks in [1, 2]:
        network = Network(stages(blocks), 2304)
        sgd = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-5)
        x, y = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))
        best = math.inf
        for repetition in range(13):
            start = time.process_time()
            for _ in range(5):
                sgd.zero_grad()
                F.cross_entropy(network(x), y).backward()
                sgd.step()
            best = min(best, (time.process_time() - start) / 5)
        print(f"{blocks} blocks per stage: {1e3 * best:.1f} ms per step, {64 / best:.0f} images/s", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "speed":
        speed()
    else:
        rows = {"semeion": semeion, "mnist": mnist}[sys.argv[1]](sys.argv[2])
        seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
        errors = [train(*rows, seed) for seed in range(1, seeds + 1)]
        print(f"mean {100 * np.mean(errors):.2f}%, standard deviation {100 * np.std(errors, ddof=1):.2f}")

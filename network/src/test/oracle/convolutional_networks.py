"""Convolutions, a residual network with batch normalisation and the networks of Du et al., forward, backward and over SGD
steps, by PyTorch in float64 from float32 numbers.

Needs torch. Its output is src/test/resources/io/fullrank/network/architecture/convolutional-networks.yaml:
    python3 convolutional_networks.py > convolutional-networks.yaml
"""

import math

import torch
import torch.nn.functional as F

torch.manual_seed(5)


def numbers(*shape, scale=1.0):
    """Multiples of 2^-8: short in text, exact in float32."""
    return torch.round(scale * torch.randn(*shape, dtype=torch.float64) * 256) / 256


def line(key, tensor, indent):
    values = ", ".join(format(v, ".9g") for v in tensor.detach().flatten().tolist())
    print(f"{' ' * indent}{key}: [{values}]")


def conv(x, weight, stride):
    """weight: kernel rows x kernel columns x inputs x outputs; x: samples x channels x height x width."""
    return F.conv2d(x, weight.permute(3, 2, 0, 1), stride=stride, padding=(weight.shape[0] - 1) // 2)


def by_pixel(x):
    """samples x height x width x channels."""
    return x.permute(0, 2, 3, 1)


print("convolutions:")
for samples, height, width, inputs, outputs, kernel, stride in [
    (3, 5, 4, 2, 3, 3, 1),
    (2, 6, 5, 3, 2, 3, 2),
    (2, 5, 5, 2, 4, 1, 1),
    (3, 5, 6, 2, 4, 1, 2),
    (2, 7, 6, 1, 2, 5, 3),
    (2, 1, 1, 4, 3, 3, 1),
    (9, 2, 2, 3, 3, 3, 2),
]:
    x = numbers(samples, inputs, height, width).requires_grad_()
    weight = numbers(kernel, kernel, inputs, outputs, scale=0.5).requires_grad_()
    y = conv(x, weight, stride)
    dy = numbers(*y.shape)
    y.backward(dy)
    print(f"  - samples: {samples}\n    height: {height}\n    width: {width}\n    inputs: {inputs}\n    outputs: {outputs}")
    print(f"    kernel: {kernel}\n    stride: {stride}")
    for key, tensor in [("x", x), ("y", y), ("dy", dy), ("dx", x.grad)]:
        line(key, by_pixel(tensor), 4)
    line("weight", weight, 4)
    line("dweight", weight.grad, 4)


class Residual:
    """Pre-activation residual network; its tensors by name."""

    def __init__(self, channels, stages, wide, classes, sharpness):
        self.stages, self.sharpness = stages, sharpness
        self.tensors, self.statistics = {}, {}
        self.add_weight("stem", 3, 3, channels, stages[0][1])
        width = stages[0][1]
        for k, (blocks, outputs, stride) in enumerate(stages, start=1):
            for b in range(1, blocks + 1):
                name = f"stage.{k}.block.{b}"
                self.add_norm(f"{name}.norm.1", width)
                if width != outputs or (b == 1 and stride != 1):
                    self.add_weight(f"{name}.projection", 1, 1, width, outputs)
                self.add_weight(f"{name}.convolution.1", 3, 3, width, outputs)
                self.add_norm(f"{name}.norm.2", outputs)
                self.add_weight(f"{name}.convolution.2", 3, 3, outputs, outputs)
                width = outputs
        self.add_norm("norm", width)
        self.add_weight("wide", width, wide)
        self.tensors["wide.bias"] = numbers(wide, scale=0.3)
        self.add_weight("output", wide, classes)
        self.tensors["output.bias"] = numbers(classes, scale=0.3)
        self.leaves = {name: t.clone().requires_grad_() for name, t in self.tensors.items()}

    def add_weight(self, name, *shape):
        self.tensors[f"{name}.weight"] = numbers(*shape, scale=1 / math.sqrt(math.prod(shape[:-1])))

    def add_norm(self, name, channels):
        self.tensors[f"{name}.scale"] = 1 + numbers(channels, scale=0.2)
        self.tensors[f"{name}.shift"] = numbers(channels, scale=0.2)
        self.statistics[f"{name}.running-mean"] = numbers(channels, scale=0.2)
        self.statistics[f"{name}.running-variance"] = 0.5 + numbers(channels, scale=0.2).abs()

    def act(self, z):
        return F.softplus(z, beta=self.sharpness, threshold=1e4)

    def norm(self, x, name, mode):
        mean, variance = self.statistics[f"{name}.running-mean"], self.statistics[f"{name}.running-variance"]
        if mode == "fix":  # Statistics of the whole set: mean and biased variance.
            mean.copy_(x.detach().mean((0, 2, 3)))
            variance.copy_(x.detach().var((0, 2, 3), unbiased=False))
        z = F.batch_norm(
            x, mean, variance, self.leaves[f"{name}.scale"], self.leaves[f"{name}.shift"], mode == "train", 0.1, 1e-5
        )
        return self.act(z)

    def features(self, x, mode):
        p = self.leaves
        x = conv(x, p["stem.weight"], 1)
        for k, (blocks, _, stride) in enumerate(self.stages, start=1):
            for b in range(1, blocks + 1):
                name, s = f"stage.{k}.block.{b}", stride if b == 1 else 1
                a = self.norm(x, f"{name}.norm.1", mode)
                projection = p.get(f"{name}.projection.weight")
                shortcut = x if projection is None else conv(a, projection, s)
                a = self.norm(conv(a, p[f"{name}.convolution.1.weight"], s), f"{name}.norm.2", mode)
                x = conv(a, p[f"{name}.convolution.2.weight"], 1) + shortcut
        x = self.norm(x, "norm", mode).mean((2, 3))
        return self.act(x @ p["wide.weight"] + p["wide.bias"])

    def loss(self, x, labels, mode):
        q = self.features(x, mode) @ self.leaves["output.weight"] + self.leaves["output.bias"]
        return F.cross_entropy(q, labels)

    def show(self, indent):
        for name, t in {**self.leaves, **self.statistics}.items():
            line(name, t, indent)


ROWS, CHANNELS, HEIGHT, WIDTH, CLASSES = 7, 2, 6, 5, 3
BATCHES = [[0, 1, 2], [3, 4, 5], [6], [6, 2, 4]]
x = numbers(ROWS, CHANNELS, HEIGHT, WIDTH)
labels = torch.randint(0, CLASSES, (ROWS,))
network = Residual(CHANNELS, [(2, 3, 1), (1, 4, 2)], wide=6, classes=CLASSES, sharpness=3.0)
print("residual:")
line("x", x, 2)
print(f"  labels: {labels.tolist()}\n  batches: {BATCHES}\n  initial:")
network.show(4)
line("evaluated-features", network.features(x, "evaluate"), 2)
loss = network.loss(x, labels, "evaluate")
loss.backward()
print(f"  evaluated-loss: {loss.item()!r}\n  evaluated-gradient:")
for name, t in network.leaves.items():
    line(name, t.grad, 4)
    t.grad = None
before = {name: t.clone() for name, t in network.statistics.items()}
loss = network.loss(x, labels, "train")
loss.backward()
network.statistics.update(before)
print(f"  loss: {loss.item()!r}\n  gradient:")
for name, t in network.leaves.items():
    line(name, t.grad, 4)
sgd = torch.optim.SGD(network.leaves.values(), lr=0.1, momentum=0.9, weight_decay=0.01)
for batch in BATCHES:
    sgd.zero_grad()
    network.loss(x[batch], labels[batch], "train").backward()
    sgd.step()
print("  trained:")
network.show(4)
line("trained-features", network.features(x, "evaluate"), 2)
fixed_features = network.features(x, "fix")
print("  fixed:")
for name, t in network.statistics.items():
    line(name, t, 4)
line("fixed-features", fixed_features, 2)

LAYERS, CONSTANT = 3, 0.5
z = torch.linspace(-12, 12, 24 * 4096 + 1, dtype=torch.float64)
moment = torch.trapezoid(torch.tanh(z) ** 2 * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), z)
print("du:")
for form, width in [("FULLY_CONNECTED", 5), ("RESIDUAL", 5), ("CONVOLUTIONAL_RESIDUAL", 3)]:
    pictures = form == "CONVOLUTIONAL_RESIDUAL"
    kernel = 3 if pictures else 1
    inputs = CHANNELS if pictures else CHANNELS * HEIGHT * WIDTH
    weights = {f"hidden.{h}.weight": numbers(kernel, kernel, inputs if h == 1 else width, width) for h in range(1, LAYERS + 1)}
    features = width * HEIGHT * WIDTH if pictures else width
    weights["output.weight"] = numbers(features, CLASSES)
    weights["output.bias"] = numbers(CLASSES)
    leaves = {name: t.clone().requires_grad_() for name, t in weights.items()}
    rows = x / x.flatten(1).norm(dim=1)[:, None, None, None]
    rows = torch.round(rows * 4096) / 4096
    h = rows if pictures else rows.flatten(1)[:, :, None, None]
    for layer in range(1, LAYERS + 1):
        a = torch.tanh(conv(h, leaves[f"hidden.{layer}.weight"], 1))
        if layer == 1 or form == "FULLY_CONNECTED":
            h = a / math.sqrt(moment * width)
        else:
            h = h + CONSTANT / (LAYERS * math.sqrt(width)) * a
    h = by_pixel(h).flatten(1)
    q = h @ leaves["output.weight"] + leaves["output.bias"]
    F.cross_entropy(q, labels).backward()
    print(f"  {form}:\n    width: {width}")
    line("x", rows, 4)
    print("    initial:")
    for name, t in weights.items():
        line(name, t, 6)
    line("features", h, 4)
    print("    gradient:")
    for name, t in leaves.items():
        line(name, t.grad, 6)

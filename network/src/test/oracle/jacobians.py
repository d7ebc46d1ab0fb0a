"""Jacobians of the outputs of networks in the weights and biases of their layers, by torch.func.jacrev in float64 from float32
numbers, with the losses at these outputs; and the rows of convolutions of any geometry.

Needs torch. Its output is src/test/resources/io/fullrank/network/jacobian/jacobians.yaml:
    python3 jacobians.py > jacobians.yaml
"""

import math

import torch
import torch.nn.functional as F
from torch.func import jacrev

torch.manual_seed(11)
ROWS, CHANNELS, HEIGHT, WIDTH, CLASSES = 3, 2, 5, 4, 3


def numbers(*shape, scale=1.0):
    """Multiples of 2^-8: short in text, exact in float32."""
    return torch.round(scale * torch.randn(*shape, dtype=torch.float64) * 256) / 256


def line(key, tensor, indent):
    values = ", ".join(format(v, ".9g") for v in tensor.detach().flatten().tolist())
    print(f"{' ' * indent}{key}: [{values}]")


def conv(x, weight, stride):
    """weight: kernel rows x kernel columns x inputs x outputs; x: samples x channels x height x width."""
    return F.conv2d(x, weight.permute(3, 2, 0, 1), stride=stride, padding=(weight.shape[0] - 1) // 2)


def flat(x):
    """Vectors of pictures, channel by channel, as data has them."""
    return x.flatten(1)


def by_pixel(x):
    """Vectors of pictures, pixel by pixel, as features are."""
    return x.permute(0, 2, 3, 1).flatten(1)


def softplus(z):
    return F.softplus(z, beta=3.0, threshold=1e4)


def output(p, h):
    return h @ p["output.weight"] + p["output.bias"]


def fully_connected(activation):
    def f(p, x):
        h = flat(x)
        for layer in (1, 2):
            h = activation(h @ p[f"hidden.{layer}.weight"] + p[f"hidden.{layer}.bias"])
        return output(p, h)

    return f


def norm(p, name, x):
    """Batch normalisation in evaluation mode, then the activation."""
    z = F.batch_norm(
        x, p[f"{name}.running-mean"], p[f"{name}.running-variance"], p[f"{name}.scale"], p[f"{name}.shift"], False, 0.1, 1e-5
    )
    return softplus(z)


STAGES = [(1, 2, 1), (1, 3, 2)]  # Blocks, channels, stride.


def residual(p, x):
    x = conv(x, p["stem.weight"], 1)
    for k, (blocks, _, stride) in enumerate(STAGES, start=1):
        for b in range(1, blocks + 1):
            name, s = f"stage.{k}.block.{b}", stride if b == 1 else 1
            a = norm(p, f"{name}.norm.1", x)
            projection = p.get(f"{name}.projection.weight")
            shortcut = x if projection is None else conv(a, projection, s)
            a = norm(p, f"{name}.norm.2", conv(a, p[f"{name}.convolution.1.weight"], s))
            x = conv(a, p[f"{name}.convolution.2.weight"], 1) + shortcut
    h = norm(p, "norm", x).mean((2, 3))
    return output(p, softplus(h @ p["wide.weight"] + p["wide.bias"]))


LAYERS, CONSTANT = 3, 0.5
z = torch.linspace(-12, 12, 24 * 4096 + 1, dtype=torch.float64)
MOMENT = torch.trapezoid(torch.tanh(z) ** 2 * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), z)


def du(form, width):
    def f(p, x):
        h = x if form == "CONVOLUTIONAL_RESIDUAL" else flat(x)[:, :, None, None]
        for layer in range(1, LAYERS + 1):
            a = torch.tanh(conv(h, p[f"hidden.{layer}.weight"], 1))
            if layer == 1 or form == "FULLY_CONNECTED":
                h = a / torch.sqrt(MOMENT * width)
            else:
                h = h + CONSTANT / (LAYERS * math.sqrt(width)) * a
        return output(p, by_pixel(h))

    return f


def weight(p, name, *shape):
    p[f"{name}.weight"] = numbers(*shape, scale=1 / math.sqrt(math.prod(shape[:-1])))


def norm_parameters(p, name, channels):
    p[f"{name}.scale"] = 1 + numbers(channels, scale=0.2)
    p[f"{name}.shift"] = numbers(channels, scale=0.2)
    p[f"{name}.running-mean"] = numbers(channels, scale=0.2)
    p[f"{name}.running-variance"] = 0.5 + numbers(channels, scale=0.2).abs()


def output_parameters(p, features):
    weight(p, "output", features, CLASSES)
    p["output.bias"] = numbers(CLASSES, scale=0.3)


def fully_connected_parameters():
    p, inputs = {}, CHANNELS * HEIGHT * WIDTH
    for layer, width in ((1, 5), (2, 4)):
        weight(p, f"hidden.{layer}", inputs, width)
        p[f"hidden.{layer}.bias"] = numbers(width, scale=0.3)
        inputs = width
    output_parameters(p, inputs)
    return p


def residual_parameters():
    p, width = {}, STAGES[0][1]
    weight(p, "stem", 3, 3, CHANNELS, width)
    for k, (blocks, outputs, stride) in enumerate(STAGES, start=1):
        for b in range(1, blocks + 1):
            name = f"stage.{k}.block.{b}"
            norm_parameters(p, f"{name}.norm.1", width)
            if width != outputs or (b == 1 and stride != 1):
                weight(p, f"{name}.projection", 1, 1, width, outputs)
            weight(p, f"{name}.convolution.1", 3, 3, width, outputs)
            norm_parameters(p, f"{name}.norm.2", outputs)
            weight(p, f"{name}.convolution.2", 3, 3, outputs, outputs)
            width = outputs
    norm_parameters(p, "norm", width)
    weight(p, "wide", width, 4)
    p["wide.bias"] = numbers(4, scale=0.3)
    output_parameters(p, 4)
    return p


def du_parameters(form, width):
    p, pictures = {}, form == "CONVOLUTIONAL_RESIDUAL"
    kernel = 3 if pictures else 1
    inputs = CHANNELS if pictures else CHANNELS * HEIGHT * WIDTH
    for layer in range(1, LAYERS + 1):
        p[f"hidden.{layer}.weight"] = numbers(kernel, kernel, inputs, width)
        inputs = width
    output_parameters(p, width * HEIGHT * WIDTH if pictures else width)
    return p


x = numbers(ROWS, CHANNELS, HEIGHT, WIDTH)
labels = torch.randint(0, CLASSES, (ROWS,))
targets = F.one_hot(labels, CLASSES).double()
LOSSES = {
    "CROSS_ENTROPY": lambda q: F.cross_entropy(q, labels, reduction="sum"),
    "SQUARED": lambda q: ((q - targets) ** 2).sum() / 2,
}
NETWORKS = {
    "fully-connected": (fully_connected(softplus), fully_connected_parameters()),
    "rectifier": (fully_connected(torch.relu), fully_connected_parameters()),
    "residual": (residual, residual_parameters()),
}
for form, width in [("FULLY_CONNECTED", 4), ("RESIDUAL", 4), ("CONVOLUTIONAL_RESIDUAL", 2)]:
    NETWORKS[form] = (du(form, width), du_parameters(form, width))

line("x", x, 0)
print(f"labels: {labels.tolist()}\nnetworks:")
for name, (f, p) in NETWORKS.items():
    print(f"  {name}:\n    parameters:")
    for key, tensor in p.items():
        line(key, tensor, 6)
    outputs = f(p, x)
    line("outputs", outputs, 4)
    linear = {key: t for key, t in p.items() if key.rsplit(".", 1)[1] in ("weight", "bias")}
    jacobian = {
        key: j.reshape(ROWS * CLASSES, -1) for key, j in jacrev(lambda q: f({**p, **q}, x).flatten())(linear).items()
    }
    print("    jacobian:")
    for key, j in jacobian.items():
        line(key, j, 6)
    print("    losses:")
    for loss, total in LOSSES.items():
        g = jacrev(total)(outputs).flatten()
        gradient = torch.cat([j.T @ g for j in jacobian.values()]) / ROWS
        print(f"      {loss}: {{mean: {total(outputs).item() / ROWS!r}, gradient-at-outputs: {g.norm().item()!r}", end="")
        print(f", gradient: {gradient.norm().item()!r}}}")

print("convolutions:")
for height, width, inputs, outputs, kernel, stride, padding, dilation, groups, bias in [
    (5, 6, 2, 3, (3, 2), (1, 2), (1, 0), (1, 1), 1, True),
    (6, 5, 4, 6, (2, 3), (2, 1), (0, 2), (2, 1), 2, True),
    (4, 4, 3, 3, (3, 3), (1, 1), (1, 1), (1, 1), 3, False),
    (5, 4, 1, 2, (1, 1), (3, 2), (0, 0), (1, 1), 1, False),
]:
    a = numbers(inputs, height, width)
    w = numbers(outputs, inputs // groups, *kernel)
    b = numbers(outputs)

    def z(w, b):
        return F.conv2d(a[None], w, b, stride, padding, dilation, groups)[0]

    delta = numbers(CLASSES, *z(w, b).shape)
    jw, jb = jacrev(lambda w, b: (delta * z(w, b)).sum((1, 2, 3)), argnums=(0, 1))(w, b)
    rows = jw.reshape(CLASSES, outputs, -1)
    if bias:
        rows = torch.cat([rows, jb[:, :, None]], 2)
    print(f"  - sizes: [{inputs}, {height}, {width}, {', '.join(map(str, delta.shape[1:]))}]")
    print(f"    kernel: {list(kernel)}\n    stride: {list(stride)}\n    padding: {list(padding)}")
    print(f"    dilation: {list(dilation)}\n    groups: {groups}\n    bias: {str(bias).lower()}")
    line("input", a, 4)
    line("gradients", delta, 4)
    line("rows", rows, 4)

"""What each check costs beside an epoch of training, and the tangent kernel beside torch.func's way of getting the same one:
jacobians of single examples by vmap and jacrev, and their contraction. All in one run, in seconds of processors.

Needs torch, and a JDK; CLASSPATH holds the checker and what it depends on.
    python3 check_cost.py CLASSPATH DATA_DIRECTORY
"""

import math
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.func import jacrev, vmap

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
CLASSES = 10
STAGES = [(8, 1), (16, 2), (32, 2)]  # Channels and stride of the block of each stage of mnist-narrow.
WIDTHS = [256, 64, 64]


def activation(z):
    return F.softplus(z, beta=100.0)


def normal(*shape, fan_in):
    return torch.randn(*shape) * math.sqrt(2 / fan_in)


def linear(p, name, inputs, outputs):
    p[f"{name}.weight"], p[f"{name}.bias"] = normal(outputs, inputs, fan_in=inputs), torch.zeros(outputs)


def fully_connected():
    p = {}
    for k, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:]), start=1):
        linear(p, f"hidden.{k}", inputs, outputs)
    linear(p, "output", WIDTHS[-1], CLASSES)

    def f(p, x):
        h = x.flatten()
        for k in range(1, len(WIDTHS)):
            h = activation(F.linear(h, p[f"hidden.{k}.weight"], p[f"hidden.{k}.bias"]))
        return F.linear(h, p["output.weight"], p["output.bias"])

    return f, p, torch.rand(1000, 1, 16, 16)


def residual():
    p, channels = {"stem.weight": normal(8, 1, 3, 3, fan_in=9)}, 8
    for k, (outputs, _) in enumerate(STAGES, start=1):
        name = f"stage.{k}.block.1"
        p[f"{name}.convolution.1.weight"] = normal(outputs, channels, 3, 3, fan_in=9 * channels)
        p[f"{name}.convolution.2.weight"] = normal(outputs, outputs, 3, 3, fan_in=9 * outputs)
        if outputs != channels:
            p[f"{name}.projection.weight"] = normal(outputs, channels, 1, 1, fan_in=channels)
        channels = outputs
    linear(p, "output", channels, CLASSES)

    def norm(x):  # Batch normalisation by fixed statistics, here those of standard normal numbers.
        return activation(F.batch_norm(x, torch.zeros(x.shape[1]), torch.ones(x.shape[1])))

    def f(p, x):
        x = F.conv2d(x[None], p["stem.weight"], padding=1)
        for k, (_, stride) in enumerate(STAGES, start=1):
            name = f"stage.{k}.block.1"
            a = norm(x)
            projection = p.get(f"{name}.projection.weight")
            shortcut = x if projection is None else F.conv2d(a, projection, stride=stride)
            a = norm(F.conv2d(a, p[f"{name}.convolution.1.weight"], stride=stride, padding=1))
            x = F.conv2d(a, p[f"{name}.convolution.2.weight"], padding=1) + shortcut
        return F.linear(norm(x).mean((2, 3))[0], p["output.weight"], p["output.bias"])

    return f, p, torch.rand(200, 1, 28, 28)


def kernel(f, chosen, others, x):
    """The contraction of the empirical kernel in PyTorch's tutorial on neural tangent kernels."""
    jacobians = vmap(jacrev(lambda p, one: f({**others, **p}, one)), (None, 0))(chosen, x)
    flat = [j.flatten(2) for j in jacobians.values()]
    return torch.stack([torch.einsum("Naf,Mbf->NMab", j, j) for j in flat]).sum(0)


def least(work, repetitions=2, enough=10.0):
    times = []
    while len(times) < repetitions and sum(times) < enough:
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure_torch(experiment, network, layers):
    f, p, x = network()
    chosen = {name: value for name, value in p.items() if name.rsplit(".", 1)[0] in layers}
    if {name.rsplit(".", 1)[0] for name in chosen} != set(layers):
        raise SystemExit(f"{experiment}: Fullrank took the layers {layers}, which are not all here")
    others = {name: value for name, value in p.items() if name not in chosen}
    seconds = least(lambda: kernel(f, chosen, others, x))
    return experiment, "kernel by torch.func, f32", seconds, f"{sum(v.numel() for v in chosen.values())} parameters"


def measure_fullrank(classpath, data):
    files = [str(EXAMPLES / f"{name}.yaml") for name in ("mnist-narrow", "du-wide", "semeion-narrow")]
    command = ["java", "-cp", classpath, str(HERE / "CheckCost.java"), data, *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as java:
        for line in java.stdout:
            print(line, end="", file=sys.stderr, flush=True)
            experiment, what, number, outcome = line.rstrip("\n").split("\t")
            yield experiment, what, float(number), outcome
    if java.returncode:
        raise SystemExit(f"CheckCost.java ended with {java.returncode}")


def main():
    torch.set_num_threads(1)  # Threads that wait for each other would count as work.
    torch.set_flush_denormal(True)  # Gradients of units that are all but off are denormal, and products with them 30 times slower.
    classpath, data = sys.argv[1:]
    rows = list(measure_fullrank(classpath, data))
    layers = {experiment: names.split() for experiment, what, _, names in rows if what == "layers"}
    for experiment, network in [("mnist-narrow", residual), ("semeion-narrow", fully_connected)]:
        rows.append(measure_torch(experiment, network, layers[experiment]))
    epochs = {experiment: seconds for experiment, what, seconds, _ in rows if what == "epoch"}
    print("| experiment | what | seconds of processors | epochs | outcome |\n|---|---|---|---|---|")
    for experiment, what, seconds, outcome in rows:
        if what != "layers":
            print(f"| {experiment} | {what} | {seconds:.3g} | {seconds / epochs[experiment]:.3g} | {outcome} |")


if __name__ == "__main__":
    main()

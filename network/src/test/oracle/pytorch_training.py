"""Losses, gradients and SGD trajectories of small networks by PyTorch in float64, from float32 numbers.

Needs torch. Its output is src/test/resources/io/fullrank/network/training/pytorch.yaml:
    python pytorch_training.py > pytorch.yaml
"""

import torch
import torch.nn.functional as F

INPUTS, WIDTHS, CLASSES, ROWS = 5, [4, 6], 3, 7
SHARPNESS = 3.0
BATCHES = [[0, 1, 2], [3, 4, 5], [6], [6, 2, 4], [0, 5, 1], [3]]

torch.manual_seed(11)


def numbers(*shape, scale=1.0):
    return (scale * torch.randn(*shape, dtype=torch.float32)).double()


x = numbers(ROWS, INPUTS)
labels = torch.randint(0, CLASSES, (ROWS,))
sizes = [INPUTS] + WIDTHS
names, initial = [], []
for k, (fan_in, width) in enumerate(zip(sizes, WIDTHS), start=1):
    names += [f"hidden.{k}.weight", f"hidden.{k}.bias"]
    initial += [numbers(fan_in, width, scale=0.6), numbers(width, scale=0.3)]
names += ["output.weight", "output.bias"]
initial += [numbers(WIDTHS[-1], CLASSES, scale=0.6), numbers(CLASSES, scale=0.3)]


def loss_of(parameters, rows, kind):
    h = x[rows]
    for k in range(len(WIDTHS)):
        h = F.softplus(h @ parameters[2 * k] + parameters[2 * k + 1], beta=SHARPNESS, threshold=1e4)
    q = h @ parameters[-2] + parameters[-1]
    if kind == "cross-entropy":
        return F.cross_entropy(q, labels[rows])
    return 0.5 * ((q - F.one_hot(labels[rows], CLASSES)) ** 2).sum(dim=1).mean()


def line(key, tensor, indent):
    values = ", ".join(repr(v) for v in tensor.detach().flatten().tolist())
    print(f"{' ' * indent}{key}: [{values}]")


print(f"inputs: {INPUTS}\nwidths: {WIDTHS}\nclasses: {CLASSES}\nsharpness: {SHARPNESS}")
line("x", x, 0)
print(f"labels: {labels.tolist()}")
print(f"batches: {BATCHES}")
print("initial:")
for name, tensor in zip(names, initial):
    line(name, tensor, 2)
print("losses:")
for kind in ["cross-entropy", "squared"]:
    parameters = [p.clone().requires_grad_() for p in initial]
    value = loss_of(parameters, list(range(ROWS)), kind)
    value.backward()
    print(f"  {kind}:\n    value: {value.item()!r}\n    gradient:")
    for name, p in zip(names, parameters):
        line(name, p.grad, 6)

print("trajectories:")
steps = len(BATCHES)
for schedule in ["constant", "step", "cosine"]:
    parameters = [p.clone().requires_grad_() for p in initial]
    sgd = torch.optim.SGD(parameters, lr=0.2, momentum=0.9, weight_decay=0.01)
    rate = {
        "constant": torch.optim.lr_scheduler.ConstantLR(sgd, factor=1.0, total_iters=0),
        # Every epoch of three batches.
        "step": torch.optim.lr_scheduler.StepLR(sgd, step_size=3, gamma=0.5),
        "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=steps),
    }[schedule]
    for batch in BATCHES:
        sgd.zero_grad()
        loss_of(parameters, batch, "cross-entropy").backward()
        sgd.step()
        rate.step()
    print(f"  {schedule}:")
    for name, p in zip(names, parameters):
        line(name, p, 4)

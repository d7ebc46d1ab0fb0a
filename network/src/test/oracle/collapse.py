"""Ranks, dormant units and per-example gradient norms of a small ReLU network, by singular values and autograd.

Needs numpy and torch. Its output is src/test/resources/io/fullrank/network/monitor/collapse.yaml:
    python collapse.py > collapse.yaml
"""

import numpy as np
import torch

rng = np.random.default_rng(5)
N, INPUTS, WIDTHS, CLASSES = 20, 6, [8, 5], 3


def single(a):
    return np.asarray(a, np.float32).astype(np.float64)


def ranks(z):
    s = np.linalg.svd(z, compute_uv=False)
    p = s / s.sum() + 1e-7
    return {
        "effective-rank": float(np.exp(-np.sum(p * np.log(p)))),
        "srank": int(np.argmax(np.cumsum(s) >= 0.99 * s.sum())) + 1,
        "stable-rank": float(np.sum(s**2) / s[0] ** 2),
    }


def dormant(z, units):
    """z: examples x (pixels x units)."""
    activity = np.abs(z).reshape(len(z), -1, units).mean(axis=(0, 1))
    score = activity / activity.mean()
    return [float(np.mean(score <= tau)) for tau in (0, 0.025, 0.1)]


x = single(rng.standard_normal((N, INPUTS)))
y = rng.integers(0, CLASSES, N)
parameters, sizes = {}, [INPUTS, *WIDTHS]
for k in (1, 2):
    parameters[f"hidden.{k}.weight"] = single(rng.standard_normal((sizes[k - 1], sizes[k])))
    parameters[f"hidden.{k}.bias"] = single(0.1 * rng.standard_normal(sizes[k]))
parameters["output.weight"] = single(rng.standard_normal((WIDTHS[1], CLASSES)))
parameters["output.bias"] = single(rng.standard_normal(CLASSES))
parameters["hidden.1.bias"][2] = -100  # dead
parameters["hidden.1.weight"][:, 4] *= 2.0**-6  # nearly
parameters["hidden.1.bias"][4] = 2.0**-8

t = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
h1 = torch.relu(torch.tensor(x) @ t["hidden.1.weight"] + t["hidden.1.bias"])
h2 = torch.relu(h1 @ t["hidden.2.weight"] + t["hidden.2.bias"])
out = h2 @ t["output.weight"] + t["output.bias"]
losses = torch.nn.functional.cross_entropy(out, torch.tensor(y), reduction="none")
norms = {layer: [] for layer in ("hidden.1", "hidden.2", "output")}
for i in range(N):
    gradients = torch.autograd.grad(losses[i], list(t.values()), retain_graph=True)
    for layer in norms:
        norms[layer].append(float(sum(torch.sum(g**2) for name, g in zip(t, gradients) if name.startswith(layer)) ** 0.5))

print("x:", x.ravel().tolist())
print("labels:", y.tolist())
print("parameters:")
for name, value in parameters.items():
    print(f"  {name}: {value.ravel().tolist()}")
print("layers:")
for name, h in (("hidden.1", h1), ("hidden.2", h2)):
    h = h.detach().numpy()
    print(f"  {name}:")
    for key, value in ranks(h).items():
        print(f"    {key}: {value}")
    print("    dormant:", dormant(h, h.shape[1]))
print("gradient-norms:")
for layer, values in norms.items():
    print(f"  {layer}: {np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist()}")

# A convolution's outputs, 4 examples x 3 pixels x 5 channels, of singular values over ten decades, and one dead channel.
u = np.linalg.qr(rng.standard_normal((4, 4)))[0]
v = np.linalg.qr(rng.standard_normal((12, 12)))[0][:, :4]
z = np.zeros((4, 3, 5))
z[:, :, [0, 1, 3, 4]] = (u * [1, 0.5, 1e-3, 1e-6] @ v.T).reshape(4, 3, 4)
z[:, :, 3] *= 0.01
z = z.reshape(4, 15)
print("channels:")
print("  values:", z.ravel().tolist())
for key, value in ranks(z).items():
    print(f"  {key}: {value}")
print("  dormant:", dormant(z, 5))

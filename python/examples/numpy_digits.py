"""Drawn digits (or --data with a .npz of x and y) in NumPy alone, in two phases on plain arrays.

python numpy_digits.py --server localhost
"""

from __future__ import annotations

import argparse

import fullrank
import numpy as np

from fullrank.guarantee import cross_entropy_upper_bound
from rows import load

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--server", default="localhost")
parser.add_argument("--data", help=".npz with x, rows × inputs, and y, labels")
parser.add_argument("--steps", type=int, default=200)
options = parser.parse_args()

x, y = load(options.data)
classes, width = int(y.max()) + 1, len(x) + 100
random = np.random.default_rng(1)
hidden = (random.standard_normal((x.shape[1], width)) * (2 / x.shape[1]) ** 0.5).astype(np.float32)
weight, bias = np.zeros((width, classes), np.float32), np.zeros(classes, np.float32)
labels = np.eye(classes, dtype=np.float32)[y]


def features():
    return np.logaddexp(0, x @ hidden)


def head_step(phi):
    """Takes a step of the output layer; returns the loss before it, and its gradient in the logits."""
    global weight, bias
    logits = phi @ weight + bias
    logits -= logits.max(1, keepdims=True)
    total = np.exp(logits).sum(1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - logits[np.arange(len(y)), y]))
    gradient = (np.exp(logits) / total - labels) / len(y)
    back = gradient @ weight.T
    weight, bias = weight - 0.01 * (phi.T @ gradient), bias - 0.01 * gradient.sum(0)
    return loss, back


run = fullrank.start("numpy-digits", server=options.server, seed=1)
switch = int(0.6 * options.steps)
run.describe(
    fullrank.Network(f"numpy {np.__version__}", "softplus", (), width, classes, analytic=True),
    fullrank.DataSet("digits", len(x), inputs=x.shape[1], classes=classes),
    fullrank.Training(
        "gradient descent", {"learning rate": "0.01"}, "cross-entropy", options.steps, switch_step=switch,
        switch_fraction=0.6, noise=1e-3,
    ),
)  # fmt: skip
for step in range(1, switch + 1):
    loss, back = head_step(features())
    hidden -= 0.01 * (x.T @ (back / (1 + np.exp(-(x @ hidden)))))
    run.log(loss=loss, step=step)

# The switch: hidden parameters are perturbed and stay, and phase 2 trains on the very features that are certified.
hidden += 1e-3 * random.standard_normal(hidden.shape, np.float32)
phi = features()
run.begin_phase_two(switch)
run.features(switch, phi, witness=True)
verdict = run.await_verdict(switch)
print("witness:", verdict and (verdict.outcome, verdict.sigma_min_lower_bound, verdict.reason))
guarantee = fullrank.Guarantee.of_witness(verdict, phi, switch, analytic=True)
run.state_guarantee(guarantee)
for step in range(switch + 1, options.steps + 1):
    loss, _ = head_step(phi)
    run.log(loss=loss, step=step)
bound = cross_entropy_upper_bound(phi, weight.T.astype(np.float64), bias.astype(np.float64), y)
run.conclude_guarantee(guarantee.concluded(options.steps, bound))
print("guarantee:", run.guarantee.statement, run.guarantee.optimality_gap, run.guarantee.reason)
run.end(train_loss=loss)

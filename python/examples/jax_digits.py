"""Drawn digits (or --data with a .npz of x and y) in JAX, in two phases on plain arrays.

python jax_digits.py --server localhost
"""

from __future__ import annotations

import argparse

import fullrank
import jax
import jax.numpy as jnp
import numpy as np

from fullrank.guarantee import cross_entropy_upper_bound
from rows import load

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--server", default="localhost")
parser.add_argument("--data", help=".npz with x, rows × inputs, and y, labels")
parser.add_argument("--steps", type=int, default=400)
options = parser.parse_args()

x, y = (jnp.asarray(each) for each in load(options.data))
classes, width = int(y.max()) + 1, len(x) + 100
keys = jax.random.split(jax.random.PRNGKey(1), 4)
hidden = [
    jax.random.normal(key, shape) * (2 / shape[0]) ** 0.5
    for key, shape in zip(keys, [(x.shape[1], 64), (64, width)])
]
head = (jnp.zeros((width, classes)), jnp.zeros(classes))


def features(hidden):
    return jax.nn.softplus(jax.nn.softplus(x @ hidden[0]) @ hidden[1])


def loss(head, phi):
    return -jnp.mean(jax.nn.log_softmax(phi @ head[0] + head[1])[jnp.arange(len(y)), y])


whole = jax.jit(jax.value_and_grad(lambda parameters: loss(parameters[1], features(parameters[0]))))
alone = jax.jit(jax.value_and_grad(loss))

run = fullrank.start("jax-digits", server=options.server, seed=1)
switch = int(0.6 * options.steps)
run.describe(
    fullrank.Network(f"jax {jax.__version__}", "softplus 64", (), width, classes, analytic=True),
    fullrank.DataSet("digits", len(x), inputs=x.shape[1], classes=classes),
    fullrank.Training(
        "gradient descent", {"learning rate": "0.01"}, "cross-entropy", options.steps, switch_step=switch,
        switch_fraction=0.6, noise=1e-3,
    ),
)  # fmt: skip
for step in range(1, switch + 1):
    value, gradients = whole((hidden, head))
    hidden, head = jax.tree.map(lambda p, g: p - 0.01 * g, (hidden, head), gradients)
    run.log(loss=value, step=step)

# The switch: hidden parameters are perturbed and stay, and phase 2 trains on the very features that are certified.
hidden = [w + 1e-3 * jax.random.normal(key, w.shape) for key, w in zip(keys[2:], hidden)]
phi = features(hidden)
run.begin_phase_two(switch)
witness = np.asarray(phi)
run.features(switch, witness, witness=True)
verdict = run.await_verdict(switch)
print("witness:", verdict and (verdict.outcome, verdict.sigma_min_lower_bound, verdict.reason))
guarantee = fullrank.Guarantee.of_witness(verdict, witness, switch, analytic=True)
run.state_guarantee(guarantee)
for step in range(switch + 1, options.steps + 1):
    value, gradients = alone(head, phi)
    head = jax.tree.map(lambda p, g: p - 0.01 * g, head, gradients)
    run.log(loss=value, step=step)
weight, bias = (np.asarray(each, np.float64) for each in head)
bound = cross_entropy_upper_bound(witness, weight.T, bias, np.asarray(y))
run.conclude_guarantee(guarantee.concluded(options.steps, bound))
print("guarantee:", run.guarantee.statement, run.guarantee.optimality_gap, run.guarantee.reason)
run.end(train_loss=loss(head, phi))

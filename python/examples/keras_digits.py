"""Drawn digits (or --data with a .npz of x and y) in Keras, watched every tenth epoch.

KERAS_BACKEND=jax python keras_digits.py --server localhost
"""

from __future__ import annotations

import argparse

import fullrank
import keras
import numpy as np
from fullrank.keras import KerasCallback

from rows import load

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--server", default="localhost")
parser.add_argument("--data", help=".npz with x, rows × inputs, and y, labels")
parser.add_argument("--epochs", type=int, default=20)
options = parser.parse_args()

x, y = load(options.data)
keras.utils.set_random_seed(1)
model = keras.Sequential(
    [
        keras.layers.Input((x.shape[1],)),
        keras.layers.Dense(64, activation="softplus"),
        keras.layers.Dense(len(x) + 100, activation="softplus"),
        keras.layers.Dense(int(y.max()) + 1),
    ]
)
model.compile(
    keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
run = fullrank.start("keras-digits", server=options.server, seed=1)
model.fit(
    x, y, batch_size=50, epochs=options.epochs, verbose=0,
    callbacks=[KerasCallback(run, data=x, every=10, batch_size=50, loss="cross-entropy")],
)  # fmt: skip
for step, verdict in sorted(run.verdicts.items()):
    print(step, verdict.outcome, verdict.sigma_min_lower_bound, verdict.reason)
print("error on the training set:", float(np.mean(np.argmax(model.predict(x, verbose=0), 1) != y)))

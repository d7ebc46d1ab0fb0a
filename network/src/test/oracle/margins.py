"""A ReLU network without biases trained by gradient descent, and its normalised margins and losses.

Needs numpy. Its output is src/test/resources/io/fullrank/network/monitor/margins.yaml:
    python margins.py > margins.yaml
Everything in float64; gradients by hand.
"""

import numpy as np

rng = np.random.default_rng(11)
N, TEST, INPUTS, WIDTHS, CLASSES = 24, 12, 5, [9, 7], 3
ETA, STEPS = 0.1, (0, 50, 400)


def single(a):
    return np.asarray(a, np.float32).astype(np.float64)


centres = 1.5 * rng.standard_normal((CLASSES, INPUTS))
labels = np.arange(N) % CLASSES
test_labels = np.arange(TEST) % CLASSES
x = single(centres[labels] + rng.standard_normal((N, INPUTS)))
test = single(centres[test_labels] + rng.standard_normal((TEST, INPUTS)))
sizes = [INPUTS, *WIDTHS, CLASSES]
weights = [single(rng.standard_normal((a, b)) * np.sqrt(2 / a)) for a, b in zip(sizes, sizes[1:])]
names = ["hidden.1", "hidden.2", "output"]


def forward(w, x):
    values = [x]
    for k, matrix in enumerate(w):
        z = values[-1] @ matrix
        values.append(np.maximum(z, 0) if k < len(w) - 1 else z)
    return values


def softmax(f):
    e = np.exp(f - f.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gradients(w, x, y):
    values = forward(w, x)
    delta = (softmax(values[-1]) - np.eye(CLASSES)[y]) / len(x)
    result = [None] * len(w)
    for k in reversed(range(len(w))):
        result[k] = values[k].T @ delta
        delta = (delta @ w[k].T) * (values[k] > 0)
    return result


def margins(f, y):
    others = np.where(np.eye(CLASSES)[y] == 1, -np.inf, f)
    return f[np.arange(len(f)), y] - others.max(1)


def measured(w, first):
    norms = [np.linalg.norm(m) for m in w]
    v = [m / r for m, r in zip(w, norms)]  # the network of unit norms itself, not outputs divided by the product
    growth = [r**2 - np.linalg.norm(m) ** 2 for r, m in zip(norms, first)]
    result = {"product": float(np.prod(norms))}
    result.update({f"norm-{name}": float(r) for name, r in zip(names, norms)})
    result["imbalance"] = float((max(growth) - min(growth)) / max(map(abs, growth))) if any(growth) else 0.0
    for name, rows, y in (("train", x, labels), ("test", test, test_labels)):
        f = forward(v, rows)[-1]
        result[f"margins-{name}"] = np.quantile(margins(f, y), [0, 0.05, 0.5, 1]).tolist()
        result[f"cross-entropy-{name}"] = float(np.mean(-np.log(softmax(f)[np.arange(len(f)), y])))
    return result


print("x:", x.ravel().tolist())
print("labels:", labels.tolist())
print("test:", test.ravel().tolist())
print("test-labels:", test_labels.tolist())
print("initial:")
for name, w in zip(names, weights):
    print(f"  {name}.weight: {w.ravel().tolist()}")
print(f"  output.bias: {[0.0] * CLASSES}")
print("steps:")
first = [w.copy() for w in weights]
for step in range(max(STEPS) + 1):
    if step in STEPS:
        print(f"  {step}:")
        for key, value in measured(weights, first).items():
            print(f"    {key}: {value}")
    weights = [w - ETA * g for w, g in zip(weights, gradients(weights, x, labels))]

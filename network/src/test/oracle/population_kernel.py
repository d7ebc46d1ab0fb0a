"""Population kernels of the networks of Du et al. by trapezoidal rules in two dimensions.

Needs numpy. Its output is src/test/resources/io/fullrank/network/monitor/population-kernel.yaml:
    python population_kernel.py > population-kernel.yaml
"""

import numpy as np

X = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, -0.5, 1.5], [0.25, 0.5, -0.75], [1, 0.0625, 0]])
LAYERS = (1, 2, 3)
CONSTANT = 0.5


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


ACTIVATIONS = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, 0.05),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z), 0.05),
    "swish": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z)), 0.05),
    "softplus-5": (lambda z: np.logaddexp(0, 5 * z) / 5, lambda z: sigmoid(5 * z), 0.02),
}


def expectation(f, g, block, step):
    """E[f(u)g(v)] by a grid on the two independent normals that u and v are made of."""
    z = np.arange(-9, 9 + step / 2, step)
    w = np.exp(-(z**2) / 2)
    w /= w.sum()
    values, vectors = np.linalg.eigh(block)
    root = vectors * np.sqrt(np.maximum(values, 0))
    u = root[0, 0] * z[:, None] + root[0, 1] * z[None, :]
    v = root[1, 0] * z[:, None] + root[1, 1] * z[None, :]
    return w @ (f(u) * g(v)) @ w


def kernel(form, activation, layers):
    f, slope, step = ACTIVATIONS[activation]
    n = len(X)

    def every(g, k):
        return np.array([[expectation(g, g, k[np.ix_([i, j], [i, j])], step) for j in range(n)] for i in range(n)])

    def mean(k):
        return np.array([expectation(f, np.ones_like, k[np.ix_([i, i], [i, i])], step) for i in range(n)])

    c_sigma = 1 / expectation(f, f, np.ones((2, 2)), step)
    k, b, c = X @ X.T, None, CONSTANT / layers
    for layer in range(1, layers):
        if form == "residual" and layer > 1:
            m = mean(k)
            k, b = k + c * (np.outer(m, b) + np.outer(b, m)) + c**2 * every(f, k), b + c * m
        else:
            b = np.sqrt(c_sigma) * mean(k)
            k = c_sigma * every(f, k)
    factor = c**2 if form == "residual" and layers > 1 else c_sigma
    return factor * k * every(slope, k)


print("x:", X.ravel().tolist())
for form in ("fully-connected", "residual"):
    print(f"{form}:")
    for activation in ACTIVATIONS:
        print(f"  {activation}:")
        for layers in LAYERS:
            print(f"    {layers}: {kernel(form, activation, layers).ravel().tolist()}")

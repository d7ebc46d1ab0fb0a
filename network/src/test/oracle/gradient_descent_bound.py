"""The best bounds that L(V) + s|V - V0|^2/(2m) gives on a small problem, the losses gradient descent (m = k) and Nesterov's method
(m = (k + 1)^2/4) really have, and the minimum-norm interpolant, by NumPy.

Its output is src/test/resources/io/fullrank/network/training/gradient-descent.yaml:
    python gradient_descent_bound.py > gradient-descent.yaml
"""

import numpy as np

N, C, K = 12, 16, 3
rng = np.random.default_rng(3)
phi = np.abs(rng.standard_normal((N, C)).astype(np.float32)).astype(np.float64)
phi[:, -1] = 1
labels = rng.integers(0, K, N)
start = (0.3 * rng.standard_normal((C, K)).astype(np.float32)).astype(np.float32).astype(np.float64)
onehot = np.eye(K)[labels]


def cross_entropy(v):
    z = phi @ v
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return np.mean(np.log(e.sum(axis=1)) - z[np.arange(N), labels]), phi.T @ (p - onehot) / N


def squared(v):
    r = phi @ v - onehot
    return 0.5 * np.sum(r * r) / N, phi.T @ r / N


sigma = np.linalg.norm(phi, 2)
print(f"sigma: {float(sigma)!r}")
print("features: [" + ", ".join(repr(float(v)) for v in phi.flatten()) + "]")
print(f"labels: {labels.tolist()}")
print("start: [" + ", ".join(repr(float(v)) for v in start.flatten()) + "]")
for name, loss, lipschitz in [("cross-entropy", cross_entropy, 0.5), ("squared", squared, 1.0)]:
    s = lipschitz * sigma**2 / N
    print(f"{name}:\n  start-loss: {float(loss(start)[0])!r}\n  after:")
    for k in [1, 10, 100, 1000]:
        v = start.copy()
        for _ in range(k):
            v -= loss(v)[1] / s
        # Plain gradient descent on the strongly convex comparison problem, far past convergence.
        w = start.copy()
        for _ in range(60 * (k + 1)):
            w -= (loss(w)[1] + s / k * (w - start)) / (s + s / k)
        best = loss(w)[0] + s * np.sum((w - start) ** 2) / (2 * k)
        print(f"    {k}: {{bound: {float(best)!r}, loss: {float(loss(v)[0])!r}}}")
    print("  accelerated:")
    for k in [1, 10, 100]:
        v, y, a = start.copy(), start.copy(), 1.0
        for _ in range(k):
            after = y - loss(y)[1] / s
            a_after = (1 + np.sqrt(1 + 4 * a * a)) / 2
            y = after + (a - 1) / a_after * (after - v)
            v, a = after, a_after
        m = (k + 1) ** 2 / 4
        w = start.copy()
        for _ in range(int(60 * (m + 1))):
            w -= (loss(w)[1] + s / m * (w - start)) / (s + s / m)
        best = loss(w)[0] + s * np.sum((w - start) ** 2) / (2 * m)
        print(f"    {k}: {{bound: {float(best)!r}, loss: {float(loss(v)[0])!r}}}")
print("minimum-norm: [" + ", ".join(repr(float(v)) for v in (np.linalg.pinv(phi) @ onehot).flatten()) + "]")

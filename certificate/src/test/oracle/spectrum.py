"""Writes matrices and, next to each, what NumPy's singular value decomposition finds; SpectrumTest reads them.

Run from this folder: python3 spectrum.py ../resources/spectrum
A .txt file has the effective rank (Roy and Vetterli 2007), the stable rank, and all n singular values, descending.
"""
import sys

import numpy as np

out = sys.argv[1]
random = np.random.default_rng(20070903)


def write(name, matrix):
    n, c = matrix.shape
    sigma = np.zeros(n)
    sigma[: min(n, c)] = np.linalg.svd(matrix, compute_uv=False)
    p = sigma / sigma.sum()
    effective = np.exp(-sum(x * np.log(x) for x in p if x > 0))
    stable = (sigma**2).sum() / sigma[0] ** 2
    np.save(f"{out}/{name}.npy", matrix)
    np.savetxt(f"{out}/{name}.txt", [effective, stable, *sigma], fmt="%.17g")


def orthogonal(n, c):
    q, _ = np.linalg.qr(random.standard_normal((c, n)))
    return q.T


write("softplus-features", np.log1p(np.exp(3 * random.standard_normal((40, 8)) @ random.standard_normal((8, 60)))))
write("identity", np.eye(12, 20))
write("decades", orthogonal(20, 20) @ np.diag(10.0 ** -np.arange(20)) @ orthogonal(20, 30))
write("tall", random.standard_normal((30, 10)))
# Rows that differ by 40 decades, 2 to a decade.
write("scaled-rows", random.standard_normal((80, 100)) * 10.0 ** (np.arange(80)[:, None] / 2 - 20))

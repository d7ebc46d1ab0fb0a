"""Trajectories of blended coarse gradient descent, as its paper defines it: of the full-precision weights r.

Needs numpy. Its output is src/test/resources/io/fullrank/network/algorithm/bcgd.yaml:
    python bcgd.py > bcgd.yaml
In float32 and in float64, to see that rounding decides nowhere which level a weight gets.
"""

import numpy as np

SHAPES = [(3, 40), (40,), (40, 2), (2,)]
SIZE = sum(int(np.prod(shape)) for shape in SHAPES)
ETA, RHO, DECAY = 0.05, 0.01, 0.01
STEPS = (0, 1, 2, 10, 60)
INDEX = np.arange(SIZE)
INITIAL = ((INDEX * 37 + 11) % 101 - 50) / 64
TARGET = ((INDEX * 53 + 7) % 97 - 48) / 64
CURVATURE = 2.0 ** (INDEX % 3 - 1)


def quantised(r, bits):
    if bits == 1:
        return np.mean(np.abs(r)) * np.where(r < 0, -1, 1)
    most = 2 ** (bits - 1) - 1
    scale = 2 * np.max(np.abs(r)) / (2**bits - 1)
    for _ in range(4):
        q = np.clip(np.rint(r / scale), -most, most)
        scale = (r @ q) / (q @ q)
    return scale * np.clip(np.rint(r / scale), -most, most)


def trajectory(bits, full_precision_output, dtype):
    r = INITIAL.astype(dtype)
    seen = {}

    def network():
        w, first = r.copy(), 0
        for place, shape in enumerate(SHAPES):
            end = first + int(np.prod(shape))
            if len(shape) == 2 and not (place == 2 and full_precision_output):
                w[first:end] = quantised(r[first:end].astype(np.float64), bits)
            first = end
        return w

    for step in range(max(STEPS) + 1):
        w = network()
        if step in STEPS:
            seen[step] = w
        gradient = (CURVATURE * (w - TARGET)).astype(dtype)
        r = ((1 - RHO) * r + RHO * w - ETA * (gradient + DECAY * w)).astype(dtype)
    return seen


for name, bits, full in [("1", 1, False), ("2", 2, False), ("4", 4, False), ("8", 8, False), ("3-full", 3, True)]:
    double, single = trajectory(bits, full, np.float64), trajectory(bits, full, np.float32)
    for step in STEPS:
        assert np.max(np.abs(double[step] - single[step])) < 2e-6, (name, step)
    print(f"'{name}':")
    for step in STEPS:
        print(f"  {step}: {[float(v) for v in np.round(double[step], 8)]}")

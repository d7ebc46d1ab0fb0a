"""Writes softplus features that are not of full row rank, for fullrank check to refute.

python3 refutation.py ROWS sum out.npy      the last row is the sum of the others, exactly
python3 refutation.py ROWS columns out.npy  as many columns as rows, two of them equal
Then: fullrank check out.npy --no-bias --method modular
"""
import sys

import numpy as np

rows, kind, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
columns = rows + (kind == "sum")
random = np.random.default_rng(1)
inputs = random.standard_normal((rows, 48))
weights = 0.2 * random.standard_normal((48, columns))
features = np.lib.format.open_memmap(out, mode="w+", dtype="<f8", shape=(rows, columns))
total = np.zeros(columns)
for start in range(0, rows, 500):
    z = 100 * (inputs[start : start + 500] @ weights)
    block = (np.logaddexp(0, z) / 100).astype(np.float32).astype(np.float64)
    if kind == "sum":
        # So coarse that sums of all rows are exact.
        block = np.rint(block * 2.0**26) * 2.0**-26
        total += block.sum(0)
    features[start : start + 500] = block
if kind == "sum":
    features[-1] = total - features[-1]
else:
    features[:, -1] = features[:, -2]
features.flush()

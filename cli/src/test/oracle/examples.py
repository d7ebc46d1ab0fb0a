"""Writes the two matrices of docs/theory.md, section 4, that float heuristics get wrong; CheckCommandTest checks them.

Run from this folder: python3 examples.py ../resources/io/fullrank/cli
Both have 800 rows and full row rank. Entries are few different numbers, so that the files are small when compressed.
It prints what numpy.linalg.matrix_rank makes of them, with the column of ones that check appends.
"""
import gzip
import io
import sys

import numpy as np

out = sys.argv[1]
random = np.random.default_rng(4)
N, C = 800, 832


def write(name, matrix):
    print(name, "matrix_rank:", np.linalg.matrix_rank(np.c_[matrix, np.ones(N, matrix.dtype)]))
    array = io.BytesIO()
    np.save(array, matrix)
    with gzip.GzipFile(f"{out}/{name}.npy.gz", "wb", mtime=0) as file:
        file.write(array.getvalue())


# Rows scaled over 40 decades.
signs = random.choice([-1.0, 1.0], (N, C))
write("scaled-rows", (signs * 2.0 ** np.round(np.linspace(-66, 66, N))[:, None]).astype("<f4"))

# Two rows that differ from two others by one ulp, in one entry.
rows = random.choice([-1.0, 1.0], (N, C)).astype("<f4")
rows[N - 2 :] = rows[:2]
rows[N - 2, 7] = np.nextafter(rows[0, 7], np.float32(2))
rows[N - 1, 9] = np.nextafter(rows[1, 9], np.float32(2))
write("one-ulp", rows)

#!/usr/bin/env python3
"""Compares `fullrank bench certificate` with `torch.linalg.matrix_rank` and, where NumPy is
installed, `numpy.linalg.matrix_rank`: same kind of matrix, same number of threads, in turn.

    python3 docs/benchmarks/matrix_rank.py --rows 4000 --columns 4097 --threads 2

The matrix is drawn as `fullrank bench certificate` draws its own: softplus (beta = 100) of Gaussian
numbers, and a column of ones, in float64. What counts is the best time of each.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", type=int, default=4000)
parser.add_argument("--columns", type=int, default=4097)
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--rounds", type=int, default=2, help="how often everything is measured, in turn (default 2)")
parser.add_argument("--repeat", type=int, default=2, help="repetitions within `fullrank bench` (default 2)")
options = parser.parse_args()

# Before the libraries are loaded, which read them once.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(options.threads)

import torch  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None

torch.set_num_threads(options.threads)
fullrank = pathlib.Path(__file__).resolve().parents[2] / "fullrank"


def features():
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(options.rows, options.columns, dtype=torch.float64, generator=generator)
    matrix = torch.nn.functional.softplus(z, beta=100)
    matrix[:, -1] = 1
    return matrix


def seconds(operation):
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


def seconds_to_rank(operation):
    ranks = []
    elapsed = seconds(lambda: ranks.append(int(operation())))
    if ranks[0] != options.rows:
        print(f"found rank {ranks[0]} of {options.rows}, which is wrong")
    return elapsed


def bench():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "result.json"
        subprocess.run(
            [
                fullrank,
                "bench",
                "certificate",
                f"--rows={options.rows}",
                f"--columns={options.columns}",
                f"--threads={options.threads}",
                f"--repeat={options.repeat}",
                f"--json={file}",
            ],
            check=True,
        )
        return json.loads(file.read_text())


times = {}


def note(name, value):
    times.setdefault(name, []).append(value)


matrix = features()
square = torch.rand(options.rows, options.rows, dtype=torch.float64)
product = torch.empty_like(square)
for _ in range(options.rounds):
    for measurement in bench()["measurements"]:
        stages = measurement["stages"]
        timed = [stages[name]["seconds"] for name in stages if name == "product" or name.startswith("one of")]
        for value in timed or measurement["seconds"]:
            note("fullrank: " + measurement["name"], value)
    note("torch: product of squares", seconds(lambda: torch.matmul(square, square, out=product)))
    note("torch.linalg.matrix_rank", seconds_to_rank(lambda: torch.linalg.matrix_rank(matrix)))
    if numpy is not None:
        note("numpy.linalg.matrix_rank", seconds_to_rank(lambda: numpy.linalg.matrix_rank(matrix.numpy())))

certificate = min(times["fullrank: verified Cholesky"])
print()
print(f"{options.rows} x {options.columns}, {options.threads} threads; torch {torch.__version__}"
      + (f", numpy {numpy.__version__}" if numpy is not None else ""))
print(f"{'':45} {'best':>9} {'median':>9} {'times verified Cholesky':>24}")
for name, values in times.items():
    median = sorted(values)[len(values) // 2]
    print(f"{name:45} {min(values):8.3f}s {median:8.3f}s {min(values) / certificate:24.2f}")

#!/usr/bin/env python3
"""Certifies a matrix of the size of the paper's largest check from its file, and measures time and memory.

  python3 docs/benchmarks/paper_size.py --rows 60000 --columns 73728 --file /data/features.npy

The file (17.7 GB at that size) holds softplus features of Gaussian numbers in f32 and is written first, tile by tile,
if it is not there. `fullrank check` appends the column of ones. Needs NumPy for writing.
"""
import argparse
import os
import resource
import subprocess
import time


def write(path, rows, columns):
    import numpy as np

    random = np.random.default_rng(1)
    part = path + ".part"
    out = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=(rows, columns))
    for start in range(0, rows, 256):
        tile = random.standard_normal((min(256, rows - start), columns), dtype=np.float32)
        out[start : start + len(tile)] = np.logaddexp(0, tile)
    out.flush()
    os.rename(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--columns", type=int, default=73728)
    parser.add_argument("--file", required=True)
    options = parser.parse_args()
    if not os.path.exists(options.file):
        write(options.file, options.rows, options.columns)
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    start = time.time()
    check = subprocess.Popen(["./fullrank", "check", options.file, "--method", "modular"], env=environment)
    peak = 0
    while check.poll() is None:
        # Pages of the mapped file are the page cache's, and given back when others need memory.
        peak = max(peak, anonymous(check.pid))
        time.sleep(1)
    mapped = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"exit status {check.returncode}, {time.time() - start:.0f} s")
    print(f"peak resident memory {peak / 1e6:.2f} GB, {mapped:.2f} GB with the pages of the file")


def anonymous(process):
    """Kilobytes of memory that belong to no file."""
    try:
        with open(f"/proc/{process}/status") as status:
            return max((int(line.split()[1]) for line in status if line.startswith("RssAnon")), default=0)
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    main()

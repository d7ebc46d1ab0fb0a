#!/usr/bin/env python3
"""Verifies that a proof made by Fullrank proves that a matrix has full row rank: verify_proof.py PROOF MATRIX.npy

Uses NumPy and none of Fullrank's code. docs/proofs.md has the format and the argument. All arithmetic is on 64-bit
integers, without BLAS. The random vectors come from the operating system: a proof that proves nothing is accepted with
a probability below 1e-30, whoever made it. Exit status: 0 verified, 1 refused, 2 for wrong arguments.
"""

import hashlib
import os
import sys

import numpy as np

TILE = 1 << 22  # entries of the matrix that are in memory at a time


class Refused(Exception):
    """The proof does not prove what it should; the message says why, in one line."""


def require(condition, reason):
    if not condition:
        raise Refused(reason)


def read_header(file):
    require(file.readline() == b"fullrank proof 1\n", "not a proof: its first line is not 'fullrank proof 1'")
    lines = [file.readline(1 << 20).decode("ascii", "replace") for _ in range(8)]
    names = ["sha256", "type", "rows", "columns", "ones", "prime", "panels"]
    require(
        [line.split(" ")[0] for line in lines] == names + ["\n"] and all(line.endswith("\n") for line in lines),
        "its header is not as the format demands",
    )
    values = [line[:-1].split(" ", 1)[1] for line in lines[:7]]
    numbers = " ".join(values[2:])
    require(all(x.isdecimal() and x == str(int(x)) for x in numbers.split(" ")), "its header holds a malformed number")
    rows, columns, ones, prime = (int(x) for x in values[2:6])
    panels = [int(x) for x in values[6].split(" ")]
    require(ones in (0, 1) and 1 <= rows <= 1 << 18 and rows <= columns + ones, "no matrix has this shape")
    require(sum(panels) == rows and all(1 <= x <= 1024 for x in panels), "its panels do not make up the rows")
    is_prime = 11 <= prime < 1 << 22 and all(prime % d for d in range(2, 2048) if d * d <= prime)
    require(is_prime, "its modulus is not a prime from 11 to 2^22")
    return values[0], values[1], rows, columns, ones, prime, panels


def type_name(dtype):
    names = {"f2": "F16", "f4": "F32", "f8": "F64", "b1": "BOOL"}
    names.update({f"{kind}{width}": f"{kind.upper()}{8 * width}" for kind in "iu" for width in (1, 2, 4, 8)})
    return names.get(f"{dtype.kind}{dtype.itemsize}", str(dtype))


def residues(tile, p, powers):
    """Maps exact numbers m * 2^e to m * 2^e modulo the odd prime p."""
    if tile.dtype.kind in "iu" and tile.dtype.itemsize == 8:
        require((tile <= 1 << 53).all() and (tile >= -(1 << 53)).all(), "an integer of the matrix is beyond 2^53")
    mantissa, exponent = np.frexp(tile.astype(np.float64))
    require(np.isfinite(mantissa).all(), "an entry of the matrix is not finite")
    return (mantissa * 2.0**53).astype(np.int64) % p * powers[exponent + 1100] % p


def verify(proof, path):
    """Returns what is proven, or raises Refused."""
    digest = hashlib.sha256()
    with open(proof, "rb") as file:
        left = os.path.getsize(proof) - 32
        require(left > 0, "it is truncated")
        while left > 0:
            part = file.read(min(left, 1 << 24))
            require(part, "it became shorter while it was read")
            digest.update(part)
            left -= len(part)
        ending = file.read()
        file.seek(0)
        sha256, kind, n, columns, ones, p, panels = read_header(file)
        require(digest.digest() == ending, "it is damaged: its last 32 bytes are not the SHA-256 of those before")
        start = file.tell()
    entry = np.dtype("u1" if p < 256 else "<u4")
    size = start + 8 * n + n * n * entry.itemsize + 32
    require(os.path.getsize(proof) == size, "its size is not what its header says")
    rows, cols = np.fromfile(proof, "<u4", 2 * n, offset=start).astype(np.int64).reshape(2, n)
    require((np.sort(rows) == np.arange(n)).all(), "its rows are not in a permutation")
    require(len(set(cols.tolist())) == n and cols.max() < columns + ones, "its columns are not different ones")
    factors = np.memmap(proof, entry, "r", start + 8 * n, (n, n))

    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    require(isinstance(matrix, np.ndarray), "the matrix is not an .npy file")
    same = matrix.shape == (n, columns) and type_name(matrix.dtype) == kind
    require(same, f"it is about another matrix, {n} x {columns} of {kind}")
    vectors = 1
    while p**vectors < 2**100:
        vectors += 1
    x = (np.frombuffer(os.urandom(8 * n * vectors), "<u8") % p).astype(np.int64).reshape(n, vectors)
    scattered = np.zeros((columns + ones, vectors), np.int64)
    scattered[cols] = x
    powers = np.array([pow(2, e - 53, p) for e in range(-1100, 1101)])
    ax = np.empty_like(x)
    digest = hashlib.sha256()
    step = max(1, TILE // max(1, columns))
    for top in range(0, n, step):
        tile = np.array(matrix[top : top + step], order="C")
        digest.update(tile.astype(tile.dtype.newbyteorder("<")).tobytes())
        ax[top : top + step] = residues(tile, p, powers) @ scattered[:columns] + scattered[columns:].sum(axis=0)
    require(digest.hexdigest() == sha256, f"it is about another matrix, whose SHA-256 is {sha256}")

    w = np.empty_like(x)
    a = 0
    for size in panels:
        b = a + size
        panel = factors[a:b].astype(np.int64)
        require((panel < p).all(), f"it holds numbers that are not residues modulo {p}")
        w[a:b] = (x[a:b] + panel[:, b:] @ x[b:]) % p
        right = (ax[rows[a:b]] - panel[:, :a] @ w[:a]) % p
        agree = ((panel[:, a:b] @ right - w[a:b]) % p == 0).all()
        require(agree, f"its factors are not those of the matrix modulo {p}")
        a = b
    with_ones = " (with a column of ones)" if ones else ""
    return (
        f"the {n} rows of the {n} x {columns + ones} matrix{with_ones} are linearly independent;"
        f" SHA-256 of its {kind} entries {sha256}; proven by {vectors} random vectors modulo {p}, error probability"
        " below 1e-30"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: verify_proof.py PROOF MATRIX.npy", file=sys.stderr)
        sys.exit(2)
    try:
        print("verified: " + verify(sys.argv[1], sys.argv[2]))
    except (Refused, OSError, ValueError) as refused:
        print(f"refused: {refused}", file=sys.stderr)
        sys.exit(1)

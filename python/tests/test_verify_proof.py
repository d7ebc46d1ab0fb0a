"""The verifier of proofs, on proofs by Fullrank and on those of a prover written from docs/proofs.md alone."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import verify_proof  # noqa: E402
from verify_proof import Refused, verify  # noqa: E402

EXAMPLES = ROOT / "certificate/src/test/resources/io/fullrank/certificate/proof"
TYPES = {"float16": "F16", "float32": "F32", "float64": "F64", "bool": "BOOL", "int8": "I8", "int64": "I64"}
TYPES["uint16"] = "U16"


def seal(contents: bytes) -> bytes:
    return contents + hashlib.sha256(contents).digest()


def eliminate(a: np.ndarray, p: int) -> tuple:
    """Pivot order of the rows and of as many columns, by Gaussian elimination modulo p."""
    a = a.copy()
    rows, columns = list(range(len(a))), []
    for k in range(len(a)):
        i, j = np.argwhere(a[k:])[0] + [k, 0]
        a[[k, i]] = a[[i, k]]
        rows[k], rows[i] = rows[i], rows[k]
        columns.append(int(j))
        factors = a[k + 1 :, j] * pow(int(a[k, j]), -1, p) % p
        a[k + 1 :] = (a[k + 1 :] - factors[:, None] * a[k]) % p
    return rows, columns


def inverse(d: np.ndarray, p: int) -> np.ndarray:
    """Of a matrix whose leading minors are not divisible by p."""
    n = len(d)
    both = np.hstack([d, np.eye(n, dtype=np.int64)])
    for k in range(n):
        both[k] = both[k] * pow(int(both[k, k]), -1, p) % p
        for i in range(n):
            if i != k:
                both[i] = (both[i] - both[i, k] * both[k]) % p
    return both[:, n:]


def prove(matrix: np.ndarray, p: int = 251, ones: int = 1, panel: int = 7) -> bytes:
    n, columns = matrix.shape
    powers = np.array([pow(2, e - 53, p) for e in range(-1100, 1101)])
    residues = verify_proof.residues(matrix, p, powers)
    residues = np.hstack([residues, np.ones((n, ones), np.int64)])
    rows, cols = eliminate(residues, p)
    factors = residues[rows][:, cols]
    panels: List[int] = []
    for a in range(0, n, panel):
        b = min(n, a + panel)
        panels.append(b - a)
        t = inverse(factors[a:b, a:b], p)
        factors[a:b, b:] = t @ factors[a:b, b:] % p
        factors[b:, b:] = (factors[b:, b:] - factors[b:, a:b] @ factors[a:b, b:]) % p
        factors[a:b, a:b] = t
    little = np.ascontiguousarray(matrix).astype(matrix.dtype.newbyteorder("<")).tobytes()
    header = (
        f"fullrank proof 1\nsha256 {hashlib.sha256(little).hexdigest()}\ntype {TYPES[matrix.dtype.name]}\nrows {n}\n"
        f"columns {columns}\nones {ones}\nprime {p}\npanels {' '.join(map(str, panels))}\n\n"
    )
    orders = np.array([rows, cols], "<u4").tobytes()
    return seal(header.encode() + orders + factors.astype("u1" if p < 256 else "<u4").tobytes())


class VerifyProofTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.rng = np.random.default_rng(3)

    def save(self, matrix: np.ndarray) -> Path:
        np.save(self.folder / "matrix.npy", matrix)
        return self.folder / "matrix.npy"

    def write(self, proof: bytes) -> Path:
        (self.folder / "proof").write_bytes(proof)
        return self.folder / "proof"

    def test_examples_by_fullrank_are_verified(self) -> None:
        for name, words in (("features", "modulo 251,"), ("large-prime", r"modulo \d{7},"), ("numpy", "modulo 8191,")):
            proven = verify(EXAMPLES / f"{name}.proof", EXAMPLES / f"{name}.npy")
            self.assertIn("are linearly independent", proven)
            self.assertRegex(proven, words)

    def test_all_types_orders_and_primes(self) -> None:
        for dtype in TYPES:
            for p in (11, 131, 251, 257, 4194301):
                normal = self.rng.normal(size=(20, 45)) * 40
                matrix = normal > 0 if dtype == "bool" else (abs(normal) if dtype[0] == "u" else normal).astype(dtype)
                for each in (matrix, np.asfortranarray(matrix), matrix.astype(matrix.dtype.newbyteorder(">"))):
                    path = self.save(each)
                    self.assertIn(f"modulo {p},", verify(self.write(prove(matrix, p)), path))
        wide = np.ldexp(self.rng.normal(size=(20, 20)), self.rng.integers(-1060, 1000, size=(20, 1)))
        self.assertIn("20 x 20 matrix are", verify(self.write(prove(wide, ones=0)), self.save(wide)))

    def test_any_changed_byte_is_refused_also_with_a_new_digest(self) -> None:
        matrix = self.rng.normal(size=(12, 14))
        path, proof = self.save(matrix), prove(matrix)
        ones = proof.index(b"ones ") + 5
        for at in range(len(proof)):
            changed = bytearray(proof)
            changed[at] ^= int(self.rng.integers(1, 256))
            with self.assertRaises((Refused, ValueError), msg=f"byte {at}"):
                verify(self.write(bytes(changed)), path)
            if at < len(proof) - 32 and at != ones:
                with self.assertRaises((Refused, ValueError), msg=f"byte {at}, sealed anew"):
                    verify(self.write(seal(bytes(changed[:-32]))), path)
        for length in (0, 10, 100, len(proof) - 33, len(proof) - 1):
            with self.assertRaises(Refused):
                verify(self.write(proof[:length]), path)
        with self.assertRaises(Refused):
            verify(self.write(seal(proof[:-32] + b"\0")), path)

    def test_a_forged_proof_of_dependent_rows_is_refused(self) -> None:
        for p in (11, 251, 4194301):
            matrix = self.rng.integers(-9, 10, size=(15, 15)).astype("float64")
            proof = prove(matrix, p, ones=0)
            old = self.save(matrix).read_bytes()
            matrix[14] = matrix[0] - matrix[1]
            path = self.save(matrix)
            digests = [hashlib.sha256(each).hexdigest().encode() for each in (old[128:], matrix.tobytes())]
            self.assertIn(digests[0], proof)
            forged = proof[:-32].replace(*digests)
            with self.assertRaisesRegex(Refused, "its factors are not those of the matrix"):
                verify(self.write(seal(forged)), path)
            size = 15 * 15 * (1 if p < 256 else 4)
            with self.assertRaisesRegex(Refused, "its factors are not those of the matrix"):
                verify(self.write(seal(forged[:-size] + bytes(size))), path)

    def test_what_cannot_be_taken_exactly_is_refused(self) -> None:
        matrix = self.rng.normal(size=(5, 6))
        proof = prove(matrix)
        for value in (np.nan, np.inf):
            bad = matrix.copy()
            bad[2, 3] = value
            digests = [hashlib.sha256(each.tobytes()).hexdigest().encode() for each in (matrix, bad)]
            lie = proof[:-32].replace(*digests)
            with self.assertRaisesRegex(Refused, "not finite"):
                verify(self.write(seal(lie)), self.save(bad))
        integers = self.rng.integers(-9, 10, size=(5, 6))
        proof = prove(integers)
        integers[0, 0] = 2**53 + 1
        with self.assertRaisesRegex(Refused, "beyond 2\\^53"):
            verify(self.write(proof), self.save(integers))

    def test_command_line(self) -> None:
        script = ROOT / "python" / "verify_proof.py"
        matrix = self.rng.normal(size=(5, 6)).astype("float32")
        path, proof = self.save(matrix), self.write(prove(matrix))
        for arguments, status, out, err in (
            ([proof, path], 0, "verified: the 5 rows of the 5 x 7 matrix (with a column of ones) are linearly", ""),
            ([path, path], 1, "", "refused: "),
            ([proof, self.folder / "none.npy"], 1, "", "refused: [Errno 2] No such file"),
            ([proof], 2, "", "usage: "),
        ):
            done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertTrue(done.stdout.startswith(out) and done.stderr.startswith(err), done.stdout + done.stderr)
            self.assertEqual(len((done.stdout + done.stderr).splitlines()), 1)


if __name__ == "__main__":
    unittest.main()

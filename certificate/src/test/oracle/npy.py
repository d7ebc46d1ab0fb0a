"""Writes the golden .npy files that NpyFileTest reads, with NumPy itself.

Run from this folder: python3 npy.py ../resources/npy
Every file but the special ones holds the array VALUES below, whose entries are exact in every type.
"""
import os
import sys
import numpy as np
from numpy.lib import format as npy

out = sys.argv[1]
VALUES = np.array([[1.0, -2.5, 0.0], [65504.0, 2.0**-24, -(2.0**-14)]])

for kind in ("f2", "f4", "f8"):
    for order, name in (("<", "little"), (">", "big")):
        for layout in ("C", "F"):
            array = np.array(VALUES, dtype=order + kind, order=layout)
            with open(f"{out}/{kind}-{name}-{layout}.npy", "wb") as file:
                npy.write_array(file, array, version=(1, 0))
for version in (2, 3):
    with open(f"{out}/version-{version}.npy", "wb") as file:
        npy.write_array(file, VALUES, version=(version, 0))

extremes = np.array([[5e-324, 1.7976931348623157e308], [-0.0, np.nan], [np.inf, -np.inf]])
np.save(f"{out}/extremes-f8.npy", extremes)
np.save(f"{out}/specials-f2.npy", np.array([[np.nan, np.inf, -np.inf, 2.0**-15]], dtype="<f2"))

INTEGERS = np.array([[1, 0, 100], [0, 127, 2]])
for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
    for order, name in (("<", "little"), (">", "big")):
        for layout in ("C", "F"):
            array = np.array(INTEGERS, dtype=order + kind, order=layout)
            if kind[1] != "1" or name == "little":
                np.save(f"{out}/{kind}-{name}-{layout}.npy", array)
np.save(f"{out}/booleans.npy", np.array([[True, False, True], [False, True, True]]))
for kind in ("i1", "i2", "i4", "u1", "u2", "u4"):
    limits = np.iinfo(kind)
    np.save(f"{out}/limits-{kind}.npy", np.array([[limits.min, limits.max]], dtype=kind))
np.save(f"{out}/limits-i8.npy", np.array([[-(2**53), 2**53]], dtype="i8"))
np.save(f"{out}/limits-u8.npy", np.array([[0, 2**53]], dtype="u8"))
np.save(f"{out}/invalid-i8-above.npy", np.array([[1, 2**53 + 1]], dtype="i8"))
np.save(f"{out}/invalid-i8-below.npy", np.array([[-(2**53) - 1, 1]], dtype=">i8"))
np.save(f"{out}/invalid-i8-least.npy", np.array([[-(2**63), 1]], dtype="i8"))
np.save(f"{out}/invalid-u8-above.npy", np.array([[1, 2**64 - 1]], dtype="u8", order="F"))
with open(f"{out}/python2.npy", "wb") as file:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    file.write(VALUES.tobytes())

np.save(f"{out}/invalid-one-dimension.npy", np.zeros(3))
np.save(f"{out}/invalid-three-dimensions.npy", np.zeros((1, 2, 3)))
np.save(f"{out}/invalid-no-dimensions.npy", np.float64(1))
np.save(f"{out}/invalid-no-rows.npy", np.zeros((0, 3)))
np.save(f"{out}/invalid-no-columns.npy", np.zeros((3, 0)))
np.save(f"{out}/invalid-raw.npy", np.zeros((2, 2), dtype="V2"))
np.save(f"{out}/invalid-text.npy", np.array([["1", "2"]]))
np.save(f"{out}/invalid-time.npy", np.zeros((2, 2), dtype="m8[s]"))
np.save(f"{out}/invalid-long-double.npy", np.zeros((2, 2), dtype=np.longdouble))
np.savez(f"{out}/invalid-archive.npy.npz", np.zeros((2, 2)))
os.replace(f"{out}/invalid-archive.npy.npz", f"{out}/invalid-archive.npy")
np.save(f"{out}/invalid-complex.npy", np.zeros((2, 2), dtype="c16"))
np.save(f"{out}/invalid-objects.npy", np.array([[1, "a"]], dtype=object), allow_pickle=True)
np.save(f"{out}/invalid-structure.npy", np.zeros((1, 2), dtype=[("a", "f4"), ("b", "f8")]))

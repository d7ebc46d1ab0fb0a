"""Writes the golden .npy files that NpyFileTest reads, with NumPy itself.

Run from this folder: python3 npy.py ../resources/npy
Every file but the special ones holds the array VALUES below, whose entries are exact in every type.
"""
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

np.save(f"{out}/invalid-one-dimension.npy", np.zeros(3))
np.save(f"{out}/invalid-three-dimensions.npy", np.zeros((1, 2, 3)))
np.save(f"{out}/invalid-no-dimensions.npy", np.float64(1))
np.save(f"{out}/invalid-no-rows.npy", np.zeros((0, 3)))
np.save(f"{out}/invalid-no-columns.npy", np.zeros((3, 0)))
np.save(f"{out}/invalid-integers.npy", np.zeros((2, 2), dtype="i8"))
np.save(f"{out}/invalid-complex.npy", np.zeros((2, 2), dtype="c16"))
np.save(f"{out}/invalid-objects.npy", np.array([[1, "a"]], dtype=object), allow_pickle=True)
np.save(f"{out}/invalid-structure.npy", np.zeros((1, 2), dtype=[("a", "f4"), ("b", "f8")]))

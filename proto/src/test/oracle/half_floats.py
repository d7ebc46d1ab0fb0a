"""Values of all 65536 bit patterns of float16 and bfloat16, by NumPy. Output: half_floats.txt.

NaNs are written as the one quiet NaN 0x7ff8000000000000, as Java's doubleToLongBits does.
"""

import hashlib

import numpy as np


def canonical(values):
    doubles = values.astype("<f8")
    doubles.view("<u8")[np.isnan(doubles)] = 0x7FF8000000000000
    return doubles


patterns = np.arange(1 << 16, dtype="<u2")
half = canonical(patterns.view("<f2"))
brain = canonical((patterns.astype("<u4") << 16).view("<f4"))

for name, values in (("float16", half), ("bfloat16", brain)):
    print(f"{name} sha256 {hashlib.sha256(values.tobytes()).hexdigest()}")
    for pattern in (0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3555, 0x3C00, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0xC248, 0x7F80, 0x0080):
        print(f"{name} 0x{pattern:04x} {values[pattern].hex()}")

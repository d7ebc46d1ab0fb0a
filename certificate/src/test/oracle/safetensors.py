"""Writes the golden .safetensors files that SafetensorsFileTest reads, byte by byte as the format says.

Run from this folder: python3 safetensors.py ../resources/safetensors
The format: 8 bytes with the length of the header, little-endian, the header in JSON, the data.
"""
import json
import struct
import sys

import numpy as np

out = sys.argv[1]
VALUES = np.array([[1.0, -2.5, 0.0], [65504.0, 2.0**-14, -(2.0**-13)]])


def bf16(values):
    """The upper halves of float32 numbers that need no more."""
    bits = np.asarray(values, dtype="<f4").view("<u4")
    assert not (bits & 0xFFFF).any()
    return (bits >> 16).astype("<u2").tobytes()


def write(name, header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open(f"{out}/{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text) if length is None else length) + text + data)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


f32 = VALUES.astype("<f4").tobytes()

for dtype, data in (
    ("F16", VALUES.astype("<f2").tobytes()),
    ("F32", f32),
    ("F64", VALUES.astype("<f8").tobytes()),
):
    write(dtype, {"phi": tensor(dtype, [2, 3], 0, len(data))}, data)
# 65504 is no bfloat16; 65280 is.
write("BF16", {"phi": tensor("BF16", [2, 3], 0, 12)}, bf16([[1, -2.5, 0], [65280, 2.0**-14, -(2.0**-13)]]))

# What a model's file looks like: not in the order of the header, padded, with text, unknown types and a scalar.
write(
    "model",
    json.dumps(
        {
            "__metadata__": {"format": "pt", "note": 'a "quoted" text'},
            "layers.1.weight": tensor("F32", [2, 3], 24, 48),
            "layers.0.weight": tensor("F32", [2, 3], 0, 24),
            "layers.0.bias": tensor("F32", [3], 48, 60),
            "steps": tensor("I64", [], 60, 68),
            "empty": tensor("F32", [0, 3], 68, 68),
            "packed": tensor("F4", [4, 2], 68, 72),
            "indices": tensor("I32", [1, 1], 72, 76),
        }
    ).encode()
    + b"   ",
    (2 * VALUES).astype("<f4").tobytes() + f32 + bytes(28),
)
extremes = np.array([[5e-324, 1.7976931348623157e308], [-0.0, np.nan], [np.inf, -np.inf]])
write("extremes", {"phi": tensor("F64", [3, 2], 0, 48)}, extremes.astype("<f8").tobytes())

good = {"phi": tensor("F32", [2, 3], 0, 24)}
write("invalid-header-beyond-file", good, f32, length=1000)
write("invalid-header-too-long", good, f32, length=100_000_001)
write("invalid-header-length-negative", good, f32, length=2**64 - 1)
write("invalid-not-json", b"hello, world, this is text", f32)
write("invalid-not-an-object", b"[1, 2]", f32)
write("invalid-unfinished", json.dumps(good).encode()[:-2], f32)
write("invalid-goes-on", json.dumps(good).encode() + b"{}", f32)
write("invalid-not-utf8", b'{"\xff\xfe": 1}', f32)
write("invalid-utf16", json.dumps(good).encode("utf-16-le"), f32)
write("invalid-deeply-nested", b'{"phi": ' + b"[" * 5000, f32)
write("invalid-nested-metadata", b'{"__metadata__": ' + b'{"a":' * 5000, f32)
write("invalid-metadata", {"__metadata__": [], **good}, f32)
write("invalid-tensor-twice", b"{" + b",".join(2 * [json.dumps(good).encode()[1:-1]]) + b"}", f32)
write("invalid-shape-twice", b'{"phi": {"dtype": "F32", "shape": [2, 3], "shape": [3, 2], "data_offsets": [0, 24]}}', f32)
write("invalid-no-dtype", {"phi": {"shape": [2, 3], "data_offsets": [0, 24]}}, f32)
write("invalid-no-shape", {"phi": {"dtype": "F32", "data_offsets": [0, 24]}}, f32)
write("invalid-no-offsets", {"phi": {"dtype": "F32", "shape": [2, 3]}}, f32)
write("invalid-tensor-is-a-number", {"phi": 1}, f32)
write("invalid-dtype-is-a-number", {"phi": tensor(32, [2, 3], 0, 24)}, f32)
write("invalid-negative-dimension", {"phi": tensor("F32", [2, -3], 0, 24)}, f32)
write("invalid-fractional-dimension", {"phi": tensor("F32", [2, 3.0], 0, 24)}, f32)
write("invalid-huge-dimension", {"phi": tensor("F32", [2**63, 3], 0, 24)}, f32)
write("invalid-long-number", {"phi": tensor("F32", [10**30, 3], 0, 24)}, f32)
write("invalid-product-overflows", {"phi": tensor("F32", [2**62, 2**62], 0, 24)}, f32)
write("invalid-many-dimensions", {"phi": tensor("F32", [1] * 100, 0, 4)}, f32[:4])
write("invalid-one-offset", {"phi": {"dtype": "F32", "shape": [2, 3], "data_offsets": [24]}}, f32)
write("invalid-three-offsets", {"phi": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24, 24]}}, f32)
write("invalid-backwards", {"phi": tensor("F32", [2, 3], 24, 0)}, f32)
write("invalid-length", {"phi": tensor("F32", [2, 3], 0, 20)}, f32[:20])
write("invalid-overlap", {"a": tensor("F32", [2, 2], 0, 16), "b": tensor("F32", [2, 2], 8, 24)}, f32)
write("invalid-hole", {"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 16, 24)}, f32)
write("invalid-hole-at-start", {"b": tensor("F32", [2], 16, 24)}, f32)
write("invalid-truncated", good, f32[:23])
write("invalid-trailing", good, f32 + b"x")
write("invalid-no-tensors", {}, f32)

"""Rows for the examples: a file's, or drawn ones."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np


def load(file: Optional[str], rows: int = 300) -> Tuple[np.ndarray, np.ndarray]:
    """Inputs in float32 and labels: ``x`` and ``y`` of an .npz, or ten random shapes with a tenth of the pixels turned."""
    if file is not None:
        with np.load(file) as arrays:
            return arrays["x"].astype(np.float32), arrays["y"].astype(np.int64)
    random = np.random.default_rng(7)
    shapes = random.integers(0, 2, (10, 64))
    labels = random.integers(0, 10, rows)
    return (shapes[labels] ^ (random.random((rows, 64)) < 0.1)).astype(np.float32), labels

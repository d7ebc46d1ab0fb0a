"""Standardisation of small pictures in float64. Needs NumPy. Its output stands in StandardisationTest."""

import numpy as np

pixels = np.array([[0, 255, 10, 20, 5, 5, 100, 7], [128, 1, 30, 40, 5, 6, 200, 250]], np.uint8)
x = (pixels / np.float32(255)).astype(np.float64).reshape(2, 2, 4)
mean = x.mean(axis=(0, 2), keepdims=True)
deviation = x.std(axis=(0, 2), keepdims=True)
print(mean.ravel().tolist(), deviation.ravel().tolist())
print(((x - mean) / deviation).astype(np.float32).ravel().tolist())

"""Small files in the format of SVHN's cropped digits, and what their pictures become. Needs NumPy and SciPy.

Run in network/src/test/resources/io/fullrank/network/data: writes the MAT-files of SvhnFileTest there, and prints the
fingerprints that stand in it.
"""

import hashlib

import numpy as np
import scipy.io

generator = np.random.default_rng(5)


def write(name, rows, **options):
    pictures = generator.integers(0, 16, (32, 32, 3, rows)).astype(np.uint8) * 17
    digits = (np.arange(rows) % 10 + 1).astype(np.uint8).reshape(rows, 1)
    scipy.io.savemat(name, {"X": pictures, "y": digits}, **options)
    # HWCN to NCHW; the digit 0 has the label 10.
    chw = pictures.transpose(3, 2, 0, 1)
    return chw, digits[:, 0] % 10


train = write("svhn-train.mat", 12, do_compression=True)
test = write("svhn-test.mat", 3)
for name, (pictures, labels) in {"train": train, "test": test}.items():
    # The first picture's label, and its channels by rows: enough to notice any swap of axes.
    print(name, labels.tolist())
    print(hashlib.sha256(pictures.tobytes()).hexdigest())
scipy.io.savemat("svhn-wrong-shape.mat", {"X": np.zeros((32, 31, 3, 2), np.uint8), "y": np.ones((2, 1), np.uint8)})
scipy.io.savemat("svhn-wrong-type.mat", {"X": np.zeros((32, 32, 3, 2)), "y": np.ones((2, 1))}, do_compression=True)
scipy.io.savemat("svhn-wrong-label.mat", {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [0]], np.uint8)})
scipy.io.savemat("svhn-fewer-labels.mat", {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1]], np.uint8)})
scipy.io.savemat("svhn-no-labels.mat", {"X": np.zeros((32, 32, 3, 2), np.uint8)})

"""Fingerprint of training rows, computed independently of the Java code. Needs Python 3 only.

Its output stands in SamplesTest.
"""

import hashlib
import struct

rows, inputs, classes = 2, 3, 10
values = [0.0, 0.5, 1.0, 0.1, 0.2, 0.25]
labels = [7, 2]
data = struct.pack("<iii", rows, inputs, classes)
data += struct.pack("<6f", *values)
data += struct.pack("<2i", *labels)
print(hashlib.sha256(data).hexdigest())

"""The SHA-256 that MatrixTest expects: shape as two <i8, then the entries as <f8."""
import hashlib
import struct

data = struct.pack("<qq", 200, 123)
data += b"".join(struct.pack("<d", i / 8.0 - j) for i in range(200) for j in range(123))
print(hashlib.sha256(data).hexdigest())
# Output: 33af92e31aafaaae73c530a348c784094c499aef9ff567cc4df3b394d6e170b1

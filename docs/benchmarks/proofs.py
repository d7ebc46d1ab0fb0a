"""Verifies with python/verify_proof.py the proofs that the long form of ProofMutationTest leaves in a folder, and has
their mutations refused: proofs.py FOLDER. docs/proofs.md has the figures."""

import collections
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "python"))
import verify_proof  # noqa: E402

folder = Path(sys.argv[1])
begin = time.time()
verified, wrong, refused = 0, [], collections.Counter()
for proof in sorted(folder.glob("*.proof")):
    try:
        verify_proof.verify(proof, proof.with_suffix(".npy"))
        verified += 1
    except verify_proof.Refused as reason:
        wrong.append(f"{proof} refused: {reason}")
for mutant in sorted([*folder.glob("*.mutant"), *folder.glob("*.other")]):
    matrix = folder / (mutant.name.split("-")[0] + (".npy" if mutant.suffix == ".mutant" else ".other.npy"))
    try:
        verify_proof.verify(mutant, matrix)
        wrong.append(f"{mutant} verified")
    except verify_proof.Refused as reason:
        refused[str(reason).split(" modulo ")[0].split(", whose")[0].split(" matrix, ")[0]] += 1
seconds = time.time() - begin
print(f"{verified} proofs verified, {sum(refused.values())} mutations refused in {seconds:.0f} s, wrong: {wrong}")
for reason, count in refused.most_common():
    print(f"  {count:5d}  {reason}")

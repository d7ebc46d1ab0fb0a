#!/usr/bin/env python3
"""Memory of trainer and checker over a long run: resident memory of both while mnist-resnet trains for many epochs.

    python3 docs/benchmarks/memory.py DATA_DIRECTORY [--epochs 100]

Twenty seconds apart the heap is collected (`jcmd GC.run`), which gives back what is free, and resident memory is read: what
is left is in use, in the heap and outside. The first fifth of the samples is left out: compilers and caches. Then a
line is fitted.
"""

import argparse
import pathlib
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("trainer-service", "checker-service")


def processes():
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        for service in SERVICES:
            if any(part.endswith(".jar") and service in part for part in command) and str(ROOT) in " ".join(command):
                found[service] = process
    return found


def resident_megabytes(process):
    for line in (process / "status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(process)


def slope(samples):
    n = len(samples)
    mean_t, mean_m = sum(t for t, _ in samples) / n, sum(m for _, m in samples) / n
    return sum((t - mean_t) * (m - mean_m) for t, m in samples) / sum((t - mean_t) ** 2 for t, _ in samples)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data")
parser.add_argument("--epochs", type=int, default=100)
options = parser.parse_args()

with tempfile.TemporaryDirectory() as folder:
    command = [str(ROOT / "fullrank"), "run", str(ROOT / "examples" / "mnist-resnet.yaml"), "--data", options.data]
    command += ["--work", folder, "--set", f"epochs={options.epochs}", "--set", "seeds=[1]"]
    command += ["--set", "variants=[two-phase]"]
    command += ["--set", "snapshots={every-epochs: 1}"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(run.stdout))
    reader.start()
    samples, start = {service: [] for service in SERVICES}, time.time()
    while run.poll() is None:
        for service, process in processes().items():
            try:
                subprocess.run(["jcmd", process.name, "GC.run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                samples[service].append((time.time() - start, resident_megabytes(process)))
            except (OSError, ProcessLookupError):
                continue
        try:
            run.wait(20)
        except subprocess.TimeoutExpired:
            continue
    reader.join()
    print("".join(lines[-25:]))
for service, each in samples.items():
    settled = each[len(each) // 5 :]
    hours = slope(settled) * 3600
    print(
        f"{service}: {len(each)} samples over {each[-1][0]:.0f} s; resident MB at 20%, 40% … 100%: "
        + " ".join(f"{each[min(len(each) - 1, len(each) * k // 5)][1]:.0f}" for k in range(1, 6))
        + f"; slope of the last four fifths {hours:+.0f} MB per hour, most {max(m for _, m in each):.0f} MB"
    )

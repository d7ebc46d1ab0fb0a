#!/usr/bin/env python3
"""Training in Fullrank beside PyTorch, and what streaming snapshots costs. Needs torch.

    python3 docs/benchmarks/training.py speed DATA_DIRECTORY [--rounds 3]
    python3 docs/benchmarks/training.py streaming DATA_DIRECTORY [--rounds 2]

speed: images per second of `fullrank bench training` and of the same network in PyTorch, in turns, both with as many
threads as there are processors: the reduced residual network of mnist-resnet.yaml, and a fully-connected network.
What counts is the best round of each; a step is the median of many.

streaming: seconds of a base run of the residual network on one stack, with snapshots of all weights and gradients
every step, every 10 steps, and without (but the last), in turns. The broker and the metrics service share the
processors with the trainer. The checker stands still while a run trains, as if it were on a machine of its own, and
then checks; with --checker running it takes its part of the processors too, at the lowest priority.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import torch
import torch.nn as nn
import torch.nn.functional as F

from resnet_pytorch import Network, stages

ROOT = pathlib.Path(__file__).resolve().parents[2]
FULLRANK = str(ROOT / "fullrank")

FULLY_CONNECTED = """
name: fully-connected
dataset: {name: mnist, directory: mnist-10k, train: 2000}
network: {type: fully-connected, widths: [512, 512, 4096]}
algorithm: {sgd: {learning-rate: 0.01}}
epochs: 1
"""


def fully_connected():
    layers, inputs = [], 784
    for width in [512, 512, 4096]:
        layers += [nn.Linear(inputs, width), nn.Softplus(beta=100)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10)), torch.randn(64, 784)


def residual():
    return Network(stages(1, 64), 2304), torch.randn(64, 1, 28, 28)


def median_step_in_pytorch(network, x, warm_up, steps):
    y = torch.randint(0, 10, (64,))
    sgd = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-5)
    seconds = []
    for _ in range(warm_up + steps):
        start = time.perf_counter()
        sgd.zero_grad()
        F.cross_entropy(network(x), y).backward()
        sgd.step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[warm_up:])


def median_step_in_fullrank(experiment, data, warm_up, steps, folder):
    result = folder / "step.json"
    command = [FULLRANK, "bench", "training", str(experiment), "--data", data, "--json", str(result)]
    subprocess.run(command + ["--warm-up", str(warm_up), "--steps", str(steps)], check=True, capture_output=True)
    return json.loads(result.read_text())["medianSeconds"]


def speed(options, folder):
    torch.set_num_threads(os.cpu_count())
    connected = folder / "fully-connected.yaml"
    connected.write_text(FULLY_CONNECTED)
    cases = [
        ("residual, 8-16-64 channels, wide 2304", ROOT / "examples" / "mnist-resnet.yaml", residual, 100),
        ("fully-connected 784-512-512-4096", connected, fully_connected, 200),
    ]
    for name, experiment, network, steps in cases:
        fullrank, pytorch = [], []
        for _ in range(options.rounds):
            fullrank.append(median_step_in_fullrank(experiment, options.data, steps, steps, folder))
            pytorch.append(median_step_in_pytorch(*network(), steps // 2, steps))
        print(f"{name}, {os.cpu_count()} threads, mini-batches of 64")
        for label, seconds in [("Fullrank", fullrank), ("PyTorch " + torch.__version__, pytorch)]:
            rounds = " ".join(f"{1e3 * s:.1f}" for s in seconds)
            print(f"  {label:18} {64 / min(seconds):7.0f} images/s, {1e3 * min(seconds):.1f} ms a step (rounds: {rounds})")
        print(f"  Fullrank / PyTorch {min(pytorch) / min(fullrank):.2f}", flush=True)


def seconds_of_run(snapshots, epochs, folder, checker):
    report = folder / "run.json"
    command = [FULLRANK, "run", str(ROOT / "examples" / "mnist-resnet.yaml"), "--server", "localhost", "--json", str(report)]
    for setting in ["variants=[base]", "seeds=[1]", f"epochs={epochs}", "snapshots=" + snapshots]:
        command += ["--set", setting]
    ended = runs_ended()
    os.kill(checker, signal.SIGSTOP) if checker else None
    try:
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while run.poll() is None and runs_ended() == ended:
            time.sleep(0.2)
    finally:
        os.kill(checker, signal.SIGCONT) if checker else None
    if run.wait() != 0:
        raise RuntimeError(f"{command} failed")
    run = json.loads(report.read_text())["runs"][0]
    return run["seconds"], run["snapshots"]


def runs_ended():
    with urllib.request.urlopen("http://localhost:8081/metrics") as answer:
        counts = [line for line in answer.read().decode().splitlines() if line.startswith("fullrank_trainer_runs_total")]
    return sum(float(line.split()[-1]) for line in counts)


def checker_process():
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(ROOT / "checker-service").encode() in (process / "cmdline").read_bytes():
                return process
        except OSError:
            continue
    raise RuntimeError("no checker is running")


def streaming(options, folder):
    stack = subprocess.Popen(
        [FULLRANK, "up", "--data", options.data, "--work", str(folder / "work")], stdout=subprocess.PIPE, text=True)
    try:
        for line in stack.stdout:
            print(line, end="", flush=True)
            if line.startswith("Ready"):
                break
        process = checker_process()
        for thread in (process / "task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), 19)
        checker = int(process.name) if options.checker == "stopped" else None
        policies = {
            "none but the last": "{every-epochs: 1000}",
            "every 10 steps": "{every-steps: 10}",
            "every step": "{every-steps: 1}",
        }
        seconds = {name: [] for name in policies}
        seconds_of_run("{every-epochs: 1000}", options.epochs, folder, checker)  # Until the trainer's code is compiled.
        for _ in range(options.rounds):
            for name, policy in policies.items():
                took, snapshots = seconds_of_run(policy, options.epochs, folder, checker)
                seconds[name].append(took)
                print(f"  {name}: {took:.1f} s, {snapshots}", flush=True)
        least = min(seconds["none but the last"])
        for name, each in seconds.items():
            print(f"snapshots {name:18} {min(each):6.1f} s, times without: {min(each) / least:.3f}")
    finally:
        stack.terminate()
        stack.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "streaming"])
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15, help="of each run of streaming")
    parser.add_argument("--checker", choices=["stopped", "running"], default="stopped")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"speed": speed, "streaming": streaming}[options.what](options, pathlib.Path(folder))
    sys.exit()

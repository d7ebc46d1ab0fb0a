#!/usr/bin/python3
"""A release as a stranger has it: in a container with a Java runtime, and no Maven, no compiler, and no network.

    k8s/e2e/release.py FOLDER

FOLDER is what `./release` made, such as target/release/1.4.0. It needs root and what containers.py needs besides kubectl, and
Debian's python3-venv, python3-numpy, python3-grpcio and python3-protobuf. The archive is mounted read-only and run by a user who
owns nothing. The Python package is installed into a fresh virtual environment outside the container, which has no Python, and
its example runs in the container's network, where there is nothing but the services.
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import containers
from containers import Failed, Podman, check, run, say, wait_until

PYTHON = "/usr/bin/python3"
DEMO_LIMIT = 60
SCRAPE = """
import urllib.request
for port in (8081, 8082, 8083):
    print(urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
"""


def only(folder, pattern):
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise Failed(f"{folder} has {len(found)} of {pattern}; name a folder that './release' made")
    return found[0]


def trial(podman, release):
    run("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", cwd=release)
    check("all files are what SHA256SUMS says", True)
    archive = only(release, "fullrank-*[0-9]-linux-x86_64.tar.gz")
    check("the archive has at most 400 MB", archive.stat().st_size <= 400e6, f"{archive.stat().st_size / 1e6:.0f} MB")
    begin = time.monotonic()
    run("tar", "-xzf", archive, "-C", podman.folder)
    unpacked = only(podman.folder, "fullrank-*")
    size = int(run("du", "-s", "-B1", unpacked).split()[0])
    say(f"unpacked in {time.monotonic() - begin:.1f} s: {size / 1e6:.0f} MB")
    containers.base_image(podman)
    alone = [
        # Else a busy machine gives all of the container's processes together as much time as it gives one other.
        "--cgroup-parent", "/", "--cpu-shares", "8192",
        "--network", "none", "--user", "10001:10001", "--env", "HOME=/tmp", "--workdir", "/tmp", "--volume", f"{unpacked}:/fullrank:ro",
        containers.BASE,
    ]  # fmt: skip

    tools = podman("run", "--rm", *alone, "sh", "-c", "ls /sys/class/net; command -v mvn javac gcc cc python3 curl || :")
    check("there is a loopback device, and no Maven, compiler or Python", tools.split() == ["lo"], tools.split())
    say("fullrank doctor")
    print(podman("run", "--rm", *alone, "/fullrank/fullrank", "doctor"), flush=True)
    say("fullrank demo")
    begin = time.monotonic()
    podman("run", "--rm", *alone, "/fullrank/fullrank", "demo")
    took = time.monotonic() - begin
    check(f"fullrank demo ends with status 0 within {DEMO_LIMIT} s", took < DEMO_LIMIT, f"{took:.1f} s")

    say("fullrank up")
    podman("run", "--detach", "--name", "stack", *alone, "/fullrank/fullrank", "up")
    log = wait_until("the stack is ready", lambda: re.search("Ready after .*? s", podman("logs", "stack")))
    say(log.group())
    say("the wheel in a fresh virtual environment")
    environment = podman.folder / "venv"
    # Its dependencies are Debian's, as there is no network.
    run(PYTHON, "-m", "venv", "--system-site-packages", environment)
    run(environment / "bin/pip", "install", "--quiet", "--no-index", "--no-deps", only(release, "fullrank-*.whl"))
    inside = ["nsenter", f"--net=/proc/{podman.inspect('stack')['State']['Pid']}/ns/net", environment / "bin/python"]
    begin = time.monotonic()
    said = run(*inside, unpacked / "python/examples/numpy_digits.py", "--server", "localhost", cwd=podman.folder)
    check("the example is certified", re.search("witness: .*CERTIFIED", said) is not None, f"{time.monotonic() - begin:.1f} s")
    print("  " + said.strip().replace("\n", "\n  "), flush=True)
    runs = podman("exec", "stack", "/fullrank/fullrank", "runs")
    check("fullrank runs lists it", re.search("numpy-digits.*CERTIFIED", runs) is not None, runs.splitlines()[-1])
    listed = (containers.ROOT / "docs/public/metrics.txt").read_text().split()
    names = re.findall("^fullrank_[a-z_]+", run(*inside, "-c", SCRAPE), re.M)
    # Histograms have several; ..._created says when a counter began.
    shown = {re.sub("_(bucket|count|sum|max)$", "", name) for name in names if not name.endswith("_created")}
    strangers = sorted(shown - set(listed))
    check("the services show no metric that docs/public/metrics.txt does not list", not strangers, strangers or f"{len(shown)} names")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    # Short, as paths of sockets have to be.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fullrank-e2e-"))
    podman = Podman(folder)
    try:
        trial(podman, pathlib.Path(sys.argv[1]).resolve())
    except Failed as failed:
        print(f"release.py: {failed}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["podman", "rm", "-f", "-a", "-t", "0"], env=podman.environment, capture_output=True)
        podman.clean()
        shutil.rmtree(folder)
    say("all done")
    return 0


if __name__ == "__main__":
    sys.exit(main())

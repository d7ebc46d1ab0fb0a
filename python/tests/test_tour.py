"""Runs docs/tour.md: its programs are saved, its commands run as they stand there, and what they print is compared."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Set

from test_stack import LIMIT, ROOT, built

CHECKOUT = Path(__file__).resolve().parents[2]
TOUR = CHECKOUT / "docs" / "tour.md"
# A folder with a release's archive and wheel; without it, the tour starts from the checkout.
RELEASE = os.environ.get("RELEASE_UNDER_TEST")
START = "archive" if RELEASE else "clone"
HAS_TORCH = importlib.util.find_spec("torch") is not None
# The tour's ports are the usual ones, which on this machine may be taken: in a network of its own they are free.
OWN_MACHINE = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]
# What follows the output of each block.
END = "----- end of the block, in"
NUMBER = r"\d+(\.\d+)?(e[+-]?\d+)?"


def has_own_machine() -> bool:
    if any(shutil.which(needed) is None for needed in ("bash", "ip", "unshare")):
        return False
    return subprocess.run([*OWN_MACHINE, "ip link set lo up"], capture_output=True).returncode == 0


@dataclass
class Block:
    """Of the text in fences: the line where it begins, its language, the word after that, and what the fence holds."""

    line: int
    language: str
    word: str
    text: str


def blocks() -> List[Block]:
    tour = TOUR.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+) ?(\S*)\n(.*?)^```$", tour, re.M | re.S)
    return [Block(tour.count("\n", 0, each.start()) + 1, *each.groups()) for each in found]


def masked(text: str) -> str:
    """Text without what differs from machine to machine: digests, numbers, and how wide a table's columns are."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    text = re.sub(r"-[0-9a-f]{6}(?=\.)", "-IDENTITY", text)
    return re.sub(r"\s+", " ", re.sub(NUMBER, "N", text)).strip()


def pattern(expected: str) -> str:
    return ".*".join(re.escape(masked(part)) for part in expected.split("…"))


class Shell:
    """A shell with a network and processes of its own, which all end with it."""

    def __init__(self, folder: Path, environment: Dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*OWN_MACHINE, "ip link set lo up && exec bash -e"], cwd=folder, env=environment, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.folder = folder

    def run(self, commands: str, limit: float = LIMIT) -> str:
        """Returns what the commands printed."""
        watch = threading.Timer(limit, self._process.kill)
        watch.start()
        lines: List[str] = []
        try:
            print(f"{{ {commands}\n}} </dev/null\necho '{END}' \"$PWD\"", file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                if line.startswith(END):
                    self.folder = Path(line[len(END) :].strip())
                    return "".join(lines)
                lines.append(line)
        finally:
            watch.cancel()
        raise AssertionError(f"failed, or took longer than {limit} s:\n{commands}{''.join(lines)}")

    def start(self, commands: str, until: str) -> str:
        """Runs commands in the background, and returns what they have printed when it matches."""
        log = self.folder / "background.log"
        log.touch()
        # The trap keeps the subshell there, so that stop() can wait for what it runs.
        self.run(f"{{ trap : TERM; {{ {commands}}} || echo '{END}'; }} >{log} 2>&1 &")
        # `fullrank up` has limits of its own, and then ends.
        deadline = time.monotonic() + 2 * LIMIT
        while not re.search(until, masked(printed := log.read_text(encoding="utf-8")), re.S):
            if END in printed or time.monotonic() > deadline:
                raise AssertionError(f"failed, or took longer than {2 * LIMIT} s:\n{commands}{printed}")
            threading.Event().wait(0.1)
        return printed

    def stop(self) -> None:
        """Ends what runs in the background: all processes but the shell, which is the first one here."""
        self.run("kill -TERM -1; wait")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@unittest.skipUnless(RELEASE or built(), "the stack is not built: mvn package")
@unittest.skipUnless(has_own_machine(), "commands cannot have a network of their own here: " + " ".join(OWN_MACHINE))
class TourTest(unittest.TestCase):
    def setUp(self) -> None:
        # Its path has no link in it, as a folder that a shell names.
        self.folder = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.folder, True)

    def prepare(self) -> Path:
        """Makes the folder where a reader starts."""
        place = self.folder / "start"
        place.mkdir()
        if RELEASE:
            for file in (*Path(RELEASE).glob("fullrank-[0-9]*-linux-x86_64.tar.gz"), *Path(RELEASE).glob("*.whl")):
                if "-images-" not in file.name:
                    (place / file.name).symlink_to(file.resolve())
            return place
        # As the checkout, but without sources: the launcher would build where one is newer than the build.
        shutil.copy(ROOT / "fullrank", place)
        shutil.copytree(CHECKOUT / "python", place / "python", ignore=shutil.ignore_patterns("dist", "__pycache__"))
        for part in ROOT.glob("*/target"):
            (place / part.parent.name).mkdir()
            (place / part.parent.name / "target").symlink_to(part)
        return place

    def environment(self) -> Dict[str, str]:
        """A virtual environment with the packages that this interpreter has."""
        environment = self.folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", str(environment)], check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        (packages / "others.pth").write_text("\n".join(each for each in sys.path if each.endswith("-packages")) + "\n")
        hidden = ("PYTHONPATH", "PYTHONHOME")
        return {
            **{name: value for name, value in os.environ.items() if name not in hidden},
            "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(environment),
        }

    def test_every_command_does_what_the_page_says(self) -> None:
        shell = Shell(self.prepare(), self.environment())
        self.addCleanup(shell.close)
        missing: Set[str] = set()  # files that there would be with torch
        logs: List[str] = []  # folders outside of this test's own
        found = blocks()
        for block, after in zip(found, [*found[1:], None]):
            if block.language == "python":
                (shell.folder / block.word).write_text(block.text, encoding="utf-8")
                if "import torch" in block.text and not HAS_TORCH:
                    missing |= {block.word, *re.findall(r'np\.save\("(\S+)"', block.text)}
            elif block.language == "sh" and block.word not in {"archive", "clone"} - {START}:
                if any(file in block.text for file in missing):
                    with self.subTest(line=block.line):
                        self.skipTest("torch is not installed")
                    continue
                expected = pattern(after.text if after is not None and after.language == "text" else "…")
                if block.word == "background":
                    logs += re.findall(r"logs are in (\S+)", shell.start(block.text, expected))
                    continue
                printed = shell.run(block.text)
                if not missing:  # else there are not all the runs that the page tells of
                    self.assertRegex(masked(printed), re.compile(f"^{expected}$", re.S), f"tour.md, line {block.line}")
        self.assertEqual(len(logs), 1)
        shell.stop()
        # Kept where anything failed.
        shutil.rmtree(logs[0])


if __name__ == "__main__":
    unittest.main()

"""The package itself: its descriptors, its types, and what is built of it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from google.protobuf import descriptor_pb2

from fullrank import wire

PYTHON = Path(__file__).resolve().parents[1]


class DescriptorsTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which("protoc"), "protoc is not installed (protobuf-compiler)")
    def test_the_shipped_descriptors_are_those_of_proto(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, "descriptors.binpb")
            subprocess.run([PYTHON / "update-descriptors", str(made)], check=True)
            expected = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
        shipped = descriptor_pb2.FileDescriptorSet.FromString(wire.descriptors())
        self.assertEqual(
            {f.name: f for f in shipped.file},
            {f.name: f for f in expected.file},
            "proto/ has changed: run python/update-descriptors and commit the result",
        )


class TypesTest(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not installed")
    def test_mypy_strict_finds_nothing(self) -> None:
        done = subprocess.run([sys.executable, "-m", "mypy"], cwd=PYTHON, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(
    all(importlib.util.find_spec(each) for each in ("setuptools", "wheel", "pip")), "setuptools, wheel or pip is not installed"
)
class BuildTest(unittest.TestCase):
    def test_the_wheel_and_the_sdist_install_without_network_and_work(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "PYTHON": sys.executable}
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([PYTHON / "build-dist", folder], check=True, env=environment, **quiet)
            (wheel,) = Path(folder).glob("*.whl")
            (sdist,) = Path(folder).glob("*.tar.gz")
            for name in (wheel, sdist):
                with self.subTest(name.name):
                    self._install_and_use(Path(folder, name.name + ".venv"), name)

    def _install_and_use(self, venv: Path, distribution: Path) -> None:
        # The packages of this interpreter are those that the new one may use: no network.
        subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", venv], check=True)
        install = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", distribution]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        parents = os.pathsep.join(p for p in sys.path if p.endswith("packages"))
        environment["PYTHONPATH"] = parents
        subprocess.run([venv / "bin" / "python", *install], check=True, env=environment)
        code = (
            "import fullrank, fullrank.doctor, sys; from importlib import resources;"
            "assert fullrank.__file__.startswith(sys.prefix), fullrank.__file__;"
            "assert resources.files('fullrank').joinpath('py.typed').is_file();"
            "run = fullrank.start('a', file=sys.argv[1]);"
            "run.describe(fullrank.Network(last_hidden_width=1, outputs=1)); run.log(loss=1.0); sys.exit(not run.end())"
        )
        reports = venv / "run.fullrank"
        subprocess.run([venv / "bin" / "python", "-c", code, reports], check=True, cwd=venv, env=environment)


if __name__ == "__main__":
    unittest.main()

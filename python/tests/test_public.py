"""What programs use of the package by name is what docs/public/python.txt lists."""

from __future__ import annotations

import ast
import os
import tempfile
import unittest
from pathlib import Path
from typing import List

from public_names import Sources, names_in_code

PYTHON = Path(__file__).resolve().parents[1]
DOCS = PYTHON.parent / "docs"
LIST = DOCS / "public" / "python.txt"
MODULES = ("fullrank", "fullrank.guarantee", "fullrank.keras", "fullrank.torch")
RENEW = "FULLRANK_PUBLIC_RENEW=true python/run-tests test_public"


def current() -> List[str]:
    sources = Sources(PYTHON / "src", names_in_code((DOCS / "python.md").read_text(encoding="utf-8")))
    return sorted({line for module in MODULES for line in sources.public(module)} | set(options_of_doctor()))


def options_of_doctor() -> List[str]:
    tree = ast.parse((PYTHON / "src" / "fullrank" / "doctor.py").read_text(encoding="utf-8"))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == "parser.add_argument"]
    return [f"python -m fullrank.doctor {ast.literal_eval(each.args[0])}" for each in calls]


class PublicNamesTest(unittest.TestCase):
    maxDiff = None

    def test_the_package_has_the_names_that_are_listed(self) -> None:
        if os.environ.get("FULLRANK_PUBLIC_RENEW") == "true":
            LIST.write_text("".join(f"{line}\n" for line in current()), encoding="utf-8")
        listed = LIST.read_text(encoding="utf-8").splitlines()
        gone, added = sorted(set(listed) - set(current())), sorted(set(current()) - set(listed))
        self.assertEqual(
            (gone, added), ([], []),
            f"docs/public/python.txt: {gone} are no longer there, which breaks those who use them, and {added} are new"
            f" (see docs/public.md); where that is meant: {RENEW}",
        )  # fmt: skip


class SourcesTest(unittest.TestCase):
    MODULE = (
        "from dataclasses import dataclass\n"
        "LIMIT = 60.0\n"
        "__all__ = ['start', 'Rule', 'Run', 'Callback']\n"
        "def start(name: str, *, timeout: float = LIMIT, token): ...\n"
        "@dataclass(frozen=True)\n"
        "class Rule:\n"
        "    when: str\n"
        "    noise: float = 1e-3\n"
        "    def write(self, message): ...\n"
        "class Run:\n"
        "    def __init__(self, transport):\n"
        "        self.name = ''\n"
        "    @property\n"
        "    def step(self): ...\n"
        "    def log(self, loss=None, *more): ...\n"
        "    @staticmethod\n"
        "    def of(message): ...\n"
        "class Callback:\n"
        "    def __init__(self, run, *, data): ...\n"
        "def helper(): ...\n"
    )
    PAGE = "```python\nrun.log(1); run.step; Run.of(x)\n```\n`run.name` and `Callback(run)`; write is not code\n"

    def public(self, module: str) -> List[str]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "package").mkdir()
            Path(folder, "package", "__init__.py").write_text("from package.inner import Rule, Run\n__all__ = ['Rule']\n")
            Path(folder, "package", "inner.py").write_text(module)
            sources = Sources(Path(folder), names_in_code(self.PAGE))
            return [*sources.public("package"), *sources.public("package.inner")]

    def test_lists_what_a_program_that_follows_the_page_can_use(self) -> None:
        self.assertEqual(
            self.public(self.MODULE),
            [
                "package.Rule", "package.Rule(when, noise=0.001)", "package.Rule.noise", "package.Rule.when",
                "package.inner.Callback", "package.inner.Callback(*, data)", "package.inner.Callback(run)",
                "package.inner.Rule", "package.inner.Rule(when, noise=0.001)", "package.inner.Rule.noise", "package.inner.Rule.when",
                "package.inner.Run", "package.inner.Run.log(loss=None, *more)", "package.inner.Run.name",
                "package.inner.Run.of(message)", "package.inner.Run.step",
                "package.inner.start(*, timeout=60.0)", "package.inner.start(*, token)", "package.inner.start(name)",
            ],
        )  # fmt: skip

    def test_a_change_is_seen(self) -> None:
        before = self.public(self.MODULE)
        for old, new, gone in [
            ("def log(", "def report(", "package.inner.Run.log(loss=None, *more)"),
            ("timeout: float", "limit: float", "package.inner.start(*, timeout=60.0)"),
            ("LIMIT = 60.0", "LIMIT = 30.0", "package.inner.start(*, timeout=60.0)"),
            ("def step(", "def steps(", "package.inner.Run.step"),
            ("when: str", "on: str", "package.inner.Rule(when, noise=0.001)"),
        ]:
            with self.subTest(new):
                self.assertIn(gone, set(before) - set(self.public(self.MODULE.replace(old, new))))


if __name__ == "__main__":
    unittest.main()

"""What `./release` does besides building: so that it does not rot between releases, none of which CI makes."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile
from pathlib import Path
from typing import Any, Dict, List
from xml.etree import ElementTree

from test_stack import ROOT, built

CHECKOUT = Path(__file__).resolve().parents[2]
VERSION = "1.2.3-rc.1"
POM = "{http://maven.apache.org/POM/4.0.0}"


def load() -> Any:
    """The script as a module; its name has no suffix, and beside it no cache is wanted."""
    script = CHECKOUT / "release"
    module = types.ModuleType("release")
    module.__file__ = str(script)
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), module.__dict__)
    return module


def in_repository() -> bool:
    asked = ["git", "-C", str(CHECKOUT), "rev-parse", "--verify", "HEAD"]
    return shutil.which("git") is not None and subprocess.run(asked, capture_output=True).returncode == 0


def version_of(pom: Path) -> str:
    tree = ElementTree.parse(pom).getroot()
    return str(tree.findtext(f"{POM}version") or tree.findtext(f"{POM}parent/{POM}version"))


class ArgumentsTest(unittest.TestCase):
    def release(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, str(CHECKOUT / "release"), *arguments], capture_output=True, text=True)

    def test_a_version_that_is_none_is_refused_in_a_line(self) -> None:
        for version in ("1.0", "0.1.0-SNAPSHOT", "v1.0.0", "1.0.0-rc1"):
            done = self.release(version)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, f"^release: '{version}' is not a version such as .*\n$")

    def test_help_names_all_options(self) -> None:
        self.assertRegex(self.release("--help").stdout, r"(?s)VERSION.*--key KEY.*--output FOLDER")


@unittest.skipUnless(in_repository(), "not a git repository, of a commit of which a release is made")
class SourcesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        work = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, work)
        cls.script = load()
        cls.release = cls.script.Release(VERSION, work, work)
        cls.release.stages.mkdir()
        cls.release.export()

    def test_the_version_is_everywhere_and_the_development_version_nowhere(self) -> None:
        sources = self.release.sources
        self.assertEqual({version_of(pom) for pom in sources.rglob("pom.xml")}, {VERSION})
        self.assertIn('version = "1.2.3rc1"', (sources / "python/pyproject.toml").read_text())
        self.assertIn('__version__ = "1.2.3rc1"', (sources / "python/src/fullrank/__init__.py").read_text())
        packed = [sources / "README.md", sources / "CHANGELOG.md"]
        packed += [file for folder in ("docs", "examples", "python") for file in (sources / folder).rglob("*") if file.is_file()]
        named = [
            name for file in packed for name, text in self.script.contents(str(file), file.read_bytes())
            if self.script.DEVELOPMENT.search(text)
        ]  # fmt: skip
        self.assertEqual(named, [])

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_manifests_are_rendered_with_images_of_the_version(self) -> None:
        rendered = {name: file.read_text() for name, file in self.release.manifests().items()}
        self.assertEqual(set(rendered), {f"{name}.yaml" for name in self.script.MANIFESTS})
        images = re.findall(r"image: (\S*fullrank\S*)", "".join(rendered.values()))
        self.assertNotEqual(images, [])
        self.assertEqual([image for image in images if f":{VERSION}" not in image], [])


@unittest.skipUnless(built(), "the stack is not built: mvn package")
class LayoutTest(unittest.TestCase):
    """The archives' files of the build that is there, which is one for this machine's platform."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp()).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.script = load()
        cls.release = cls.script.Release(version_of(ROOT / "pom.xml"), cls.folder, cls.folder)
        cls.release.sources = ROOT
        cls.release.stages.mkdir()
        cls.programs: Dict[str, Path] = cls.release.programs()
        cls.contexts: Dict[str, Path] = cls.release.contexts()

    def test_the_archive_is_an_installation(self) -> None:
        installation = self.folder / "installation"
        for path, source in self.programs.items():
            file = installation / path
            file.parent.mkdir(parents=True, exist_ok=True)
            # The launcher looks for the others beside the file that it is.
            shutil.copy(source, file) if path == "fullrank" else file.symlink_to(source)

        done = subprocess.run([str(installation / "fullrank"), "doctor", "--json"], capture_output=True, text=True)

        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        conditions = {each["subject"]: each["condition"] for each in json.loads(done.stdout)["findings"]}
        self.assertEqual([conditions[subject] for subject in ("native libraries", "linear algebra", "services")], ["OK"] * 3, done.stdout)

    def test_everything_is_there_that_images_are_made_of(self) -> None:
        paths = [*self.programs, *self.contexts]
        for path in [path for path in self.contexts if "Containerfile" in path]:
            text = self.contexts[path].read_text().replace("\\\n", " ")
            copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
            for words in copied:
                patterns = [word for word in words if not word.startswith("--")]
                # Go's patterns say ^ where Python's say !.
                found = {word: fnmatch.filter(paths, word.replace("[^", "[!") + ("*" if word.endswith("/") else "")) for word in patterns}
                absent = [word for word in found if not found[word]]
                # Of patterns, one with a file is enough.
                self.assertTrue(len(absent) < len(found), f"{path}: COPY {patterns}")
                self.assertEqual([word for word in absent if "*" not in word], [], path)

    def test_a_file_that_is_missing_is_named(self) -> None:
        with self.assertRaisesRegex(self.script.Failed, "^some: there is no .*/absent.jar$"):
            self.release.pack("some", self.release.single("cli/target/absent.jar"))
        with self.assertRaisesRegex(self.script.Failed, "^cli/target/absent has no files$"):
            self.release.tree("cli/target/absent")

    def test_the_libraries_for_java_are_built_by_these_names(self) -> None:
        absent = [path for path, source in self.release.java().items() if not source.is_file()]
        # Which only the profile makes.
        profiles: List[str] = []
        for folder, (artifact, jars) in self.script.LIBRARIES.items():
            pom = ElementTree.parse(CHECKOUT / folder / "pom.xml").getroot()
            self.assertEqual(pom.findtext(f"{POM}artifactId"), artifact)
            for profile in pom.iter(f"{POM}profile"):
                if profile.findtext(f"{POM}id") == "release":
                    plugins = [each.text for each in profile.iter(f"{POM}artifactId")]
                    profiles += [f"{artifact}{jar}" for jar in jars if jar and f"maven{jar.rstrip('s')}-plugin" in plugins]
        made = [re.sub(r"-\d[^/]*?(-sources|-javadoc)\.jar$", r"\1", os.path.basename(path)) for path in absent]
        self.assertEqual(sorted(made), sorted(profiles))

    def test_generated_classes_are_numbered_in_the_order_of_use(self) -> None:
        jar = self.folder / "generated.jar"
        shutil.copy(ROOT / "trainer-service/target/quarkus-app/quarkus/generated-bytecode.jar", jar)
        with zipfile.ZipFile(jar) as archive:
            before = {name: len(archive.read(name)) for name in archive.namelist()}
        self.script.renumber(jar)
        with zipfile.ZipFile(jar) as archive:
            after = {name: archive.read(name) for name in archive.namelist()}
        self.assertEqual(set(after), set(before))
        keys = [key for name in sorted(after) if name.endswith(".class") for key in self.script.KEY.findall(after[name])]
        self.assertEqual(list(dict.fromkeys(keys)), [b"proxykey%d" % (i + 1) for i in range(len(set(keys)))])
        self.assertNotEqual(keys, [])
        once = jar.read_bytes()
        self.script.renumber(jar)
        self.assertEqual(jar.read_bytes(), once)


if __name__ == "__main__":
    unittest.main()

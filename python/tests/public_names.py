"""What a program can use of the package, read from its sources, so that no framework has to be installed.

Public are the names in ``__all__`` of the package's modules. Of classes, public are the fields, and those methods, properties
and attributes that docs/python.md names: others are there for the package's own modules.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator, List, Set, Tuple, Union

Definition = Union[ast.FunctionDef, ast.ClassDef, ast.Assign]


def names_in_code(page: str) -> Set[str]:
    """The words of a page's fences and code spans; what is called is there with its parenthesis, too."""
    code = re.findall(r"^```\w*\n.*?^```$|`[^`\n]+`", page, re.M | re.S)
    return {word for each in code for form in (r"\w+", r"\w+\(") for word in re.findall(form, each)}


class Sources:
    """A folder of Python packages."""

    def __init__(self, folder: Path, documented: Set[str]) -> None:
        self._folder = folder
        self._documented = documented

    def public(self, module: str) -> List[str]:
        """Returns a line for each name, for each member of a class, and for each way to call it.

        Parameters that may be given by position are in the line of what is called, in their order and with their defaults;
        those that are given by name only have lines of their own.
        """
        (names,) = [
            ast.literal_eval(each.value) for each in self._tree(module).body
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__"
        ]  # fmt: skip
        return sorted({line for name in names for line in self._lines(module, name)})

    def _tree(self, module: str) -> ast.Module:
        file = self._folder.joinpath(*module.split("."))
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        return ast.parse(file.read_text(encoding="utf-8"))

    def _defined(self, module: str, name: str) -> Tuple[str, Definition]:
        """Returns where a name comes from, and what it stands for there."""
        tree = self._tree(module)
        for each in tree.body:
            if isinstance(each, (ast.FunctionDef, ast.ClassDef)) and each.name == name:
                return module, each
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name:
                return module, each
        for each in ast.walk(tree):
            if isinstance(each, ast.ImportFrom) and name in [alias.name for alias in each.names]:
                return self._defined(str(each.module), name)
        raise LookupError(f"{module} has no {name}")

    def _lines(self, module: str, name: str) -> Iterator[str]:
        title = f"{module}.{name}"
        home, found = self._defined(module, name)
        if isinstance(found, ast.FunctionDef):
            yield from self._calls(home, title, found.args)
        elif isinstance(found, ast.ClassDef):
            yield from self._class(home, title, found)

    def _class(self, home: str, title: str, found: ast.ClassDef) -> Iterator[str]:
        yield title
        fields = [each for each in found.body if isinstance(each, ast.AnnAssign)]
        yield from (f"{title}.{ast.unparse(each.target)}" for each in fields)
        if any("dataclass" in ast.unparse(each) for each in found.decorator_list):
            yield f"{title}({', '.join(self._parameter(home, ast.unparse(f.target), f.value) for f in fields)})"
        members: List[str] = []
        for each in found.body:
            if not isinstance(each, ast.FunctionDef):
                continue
            decorators = [ast.unparse(decorator) for decorator in each.decorator_list]
            if each.name == "__init__":
                assigned = [ast.unparse(node.targets[0]) for node in ast.walk(each) if isinstance(node, ast.Assign)]
                members += [target[len("self.") :] for target in assigned if target.startswith("self.")]
                # Others are made by the package's functions.
                if f"{found.name}(" in self._documented:
                    yield from self._calls(home, title, each.args, bound=1)
            elif "property" in decorators:
                members.append(each.name)
            elif f"{each.name}(" in self._documented:
                yield from self._calls(home, f"{title}.{each.name}", each.args, bound="staticmethod" not in decorators)
        yield from (f"{title}.{each}" for each in members if each in self._documented)

    def _calls(self, home: str, title: str, arguments: ast.arguments, bound: int = 0) -> Iterator[str]:
        positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
        shown = [self._parameter(home, *each) for each in zip(positional, defaults)][bound:]
        shown += [] if arguments.vararg is None else ["*" + arguments.vararg.arg]
        yield f"{title}({', '.join(shown)})"
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
            yield f"{title}(*, {self._parameter(home, each.arg, default)})"

    def _parameter(self, home: str, name: str, default: Union[ast.expr, None]) -> str:
        if default is None:
            return name
        if isinstance(default, ast.Name):
            _, constant = self._defined(home, default.id)
            assert isinstance(constant, ast.Assign), f"{home}: default {default.id} of {name}"
            default = constant.value
        return f"{name}={ast.unparse(default)}"

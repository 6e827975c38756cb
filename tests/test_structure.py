"""The size of modules, folders, classes and functions: what passes the limit is split, or named here
with its reason. No public name means two things, and public things say what they are.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.package_trees import PACKAGE, package_trees

from sightline import errors as errors_module

MOST_LINES = 400
MOST_FILES = 20
MOST_EXCEPTIONS = 5

LONGER: dict[str, str] = {}
"""Modules above ``MOST_LINES``, with the reason."""


LONGER_FUNCTIONS: dict[str, str] = {}
"""Functions above ``MOST_OF_A_FUNCTION`` lines, with the reason."""

LONGER_CLASSES = {
    "engines/fallback/breaker.py Fallback": "a batch's way through the engines: attempts share its one lock",
    "runtime/scheduling/scheduler.py Scheduler": "the queues' threads share its one lock",
    "sources/ffmpeg.py VideoReader": "one decoder's state: gaps, damage, places and ends",
    "types/detections.py Detections": "the public type: short methods, most of it their docstrings",
}
"""Classes above ``MOST_OF_A_CLASS`` lines, with the reason."""

MOST_OF_A_FUNCTION = 50
MOST_OF_A_CLASS = 200
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return package_trees()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_fit_on_a_few_screens() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if lines(path) > MOST_LINES
    }
    assert long <= set(LONGER), f"split {sorted(long - set(LONGER))}, or say why not"
    assert set(LONGER) <= long, f"{sorted(set(LONGER) - long)} need no exception any more"
    assert len(LONGER) <= MOST_EXCEPTIONS


def test_folders_can_be_looked_over() -> None:
    files = Counter(path.parent for path in PACKAGE.rglob("*.py"))
    full = {str(folder.relative_to(PACKAGE)): n for folder, n in files.items() if n > MOST_FILES}
    assert not full, f"{full}: give these folders sub-folders by subject"


def length(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Lines of a function or class, with its docstring."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_functions_fit_on_a_screen(trees: dict[str, ast.Module]) -> None:
    long = {
        f"{name} {node.name}": length(node)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and length(node) > MOST_OF_A_FUNCTION
    }
    new = {name: size for name, size in long.items() if name not in LONGER_FUNCTIONS}
    assert not new, f"split {new}"
    assert set(LONGER_FUNCTIONS) <= set(long), "an exception is not needed any more"
    assert len(LONGER_FUNCTIONS) <= MOST_EXCEPTIONS


def test_classes_hold_one_thing(trees: dict[str, ast.Module]) -> None:
    long = {
        f"{name} {node.name}": length(node)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and length(node) > MOST_OF_A_CLASS
    }
    new = {name: size for name, size in long.items() if name not in LONGER_CLASSES}
    assert not new, f"split {new}"
    assert set(LONGER_CLASSES) <= set(long), "an exception is not needed any more"
    assert len(LONGER_CLASSES) <= MOST_EXCEPTIONS


def test_a_public_class_has_a_name_of_its_own(trees: dict[str, ast.Module]) -> None:
    names = Counter(
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    twice = sorted(name for name, count in names.items() if count > 1)
    assert not twice, f"two classes are called {twice}"


def test_public_things_say_what_they_are(trees: dict[str, ast.Module]) -> None:
    bare = [
        f"{name} {part.name}"
        for name, tree in trees.items()
        for node in tree.body
        for part in (node, *(node.body if isinstance(node, ast.ClassDef) else ()))
        if isinstance(part, (ast.ClassDef, *FUNCTIONS))
        and not any(one.name.startswith("_") for one in (node, part) if hasattr(one, "name"))
        and not any("overload" in ast.unparse(d) for d in part.decorator_list)
        and ast.get_docstring(part) is None
    ]
    assert not bare, f"without a docstring: {bare}"


CONTRIBUTING = PACKAGE.parent.parent / "CONTRIBUTING.md"


def test_the_map_shows_what_is_there() -> None:
    """Every folder and module of the package's first level is on the map, and nothing else."""
    text = CONTRIBUTING.read_text(encoding="utf-8")
    map_ = text.split("src/sightline/\n", 1)[1].split("```", 1)[0]
    named = set(re.findall(r"[\w/]+/|\w+\.py", map_))
    first = {f"{p.name}/" for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()}
    modules = {p.name for p in PACKAGE.glob("*.py") if not p.name.startswith("_")}
    assert first | modules <= named, f"not on the map: {(first | modules) - named}"
    second = {f"{p.name}/" for p in PACKAGE.glob("*/*/") if p.name != "__pycache__"}
    assert second <= named, f"not on the map: {second - named}"
    assert named <= first | modules | second, f"not there: {named - first - modules - second}"


def test_the_walks_go_through_files_that_are_there() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    for walk in ("**The way of a frame**", "**The way of a request**"):
        steps = text.split(walk, 1)[1].strip().split("\n\n")[0]
        paths = re.findall(r"`([\w/]+\.py)`", steps)
        assert len(steps.splitlines()) == 5
        assert len(paths) >= 5
        missing = [path for path in paths if not (PACKAGE / path).is_file()]
        assert not missing, f"{walk} names {missing}"


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    page = CONTRIBUTING.parent / "docs" / "reference" / "glossary.md"
    rows = [
        line.split("|")[1].strip() for line in page.read_text().splitlines() if line[:2] == "| "
    ]
    words = [word for word in rows if word not in {"word", "---"}]
    assert words == sorted(set(words), key=str.lower)


ERRORS = {name for name, one in vars(errors_module).items() if isinstance(one, type)}

WITHOUT_RAISES = ("cli/", "serving/routes/")
"""Docstrings there are what users read: `--help`, and the description of the routes."""


def raised(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names of the errors that a function makes and raises itself, but those that it catches, too."""
    found: set[str] = set()
    caught: set[str] = set()
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found.add(ast.unparse(node.exc.func).rpartition(".")[2])
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught |= {one.id for one in ast.walk(node.type) if isinstance(one, ast.Name)}
        left += ast.iter_child_nodes(node)
    if "OSError" in caught:
        found -= {name for name in found if issubclass(vars(builtins).get(name, int), OSError)}
    return {name for name in found - caught if name.endswith("Error") or name in ERRORS}


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str, set[str]]]:
    """Public functions and methods: name, docstring with that of the class for ``__init__``, errors raised."""
    for node in tree.body:
        if isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node) or "", raised(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, FUNCTIONS) and (
                    inner.name == "__init__" or inner.name[0] != "_"
                ):
                    own = ast.get_docstring(inner) or ""
                    of_class = ast.get_docstring(node) or "" if inner.name == "__init__" else ""
                    yield f"{node.name}.{inner.name}", own + of_class, raised(inner)


def test_public_functions_name_the_errors_that_they_raise(trees: dict[str, ast.Module]) -> None:
    silent = [
        f"{path}: {name} raises {', '.join(sorted(errors))}"
        for path, tree in trees.items()
        if not path.startswith(WITHOUT_RAISES)
        for name, text, raises in docstrings(tree)
        if "ee ``" not in text and (errors := {one for one in raises if one not in text})
    ]
    assert silent == []

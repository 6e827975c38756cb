"""Imports go down only: the package's own imports, read from its syntax trees, against one table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from tests.package_trees import package_trees

LEVELS: tuple[set[str], ...] = (
    {
        "_version",
        "errors",
        "tables",
        "types",
        "imaging",
        "whole_files",
        "replaced_files",
        "protocols",
        "geometry",
        "futures",
        "model_inputs",
        "plan_file",
        "temporary_files",
        "interpreter",
        "coco",
        "vocabulary",
        "foreign_files",
        "csv_cells",
        "media_suffixes",
        "redaction",
        "addresses",
        "hosts",
        "config",
        "wall_time",
    },
    {
        "sources",
        "engines",
        "models",
        "tracking",
        "analytics",
        "sinks",
        "monitoring",
        "evaluation",
        "search",
    },
    {"runtime"},
    {"serving", "optimize", "deploy"},
    {"build"},
    {"api", "cli"},
    {"__init__", "__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
SIBLINGS_MEET = {0}  # the vocabulary's modules may know one another; other siblings may not


def part_of(module: str) -> str:
    """The part of the package that a module belongs to: ``sightline.models.card`` -> ``models``."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imports(tree: ast.AST) -> Iterator[str]:
    """What a tree imports of this package, by full name, also within functions and for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide what is imported"
            if str(node.module).split(".")[0] == "sightline":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "sightline")
        yield from imports(node)


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """The tree of each module, by its full name."""
    return {_full_name(path): tree for path, tree in package_trees().items()}


def _full_name(path: str) -> str:
    parts = ("sightline", *Path(path).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def allowed(importer: str, imported: str) -> bool:
    mine, theirs = part_of(importer), part_of(imported)
    if mine == theirs or LEVEL[mine] > LEVEL[theirs]:
        return True
    return LEVEL[mine] == LEVEL[theirs] and LEVEL[mine] in SIBLINGS_MEET


def test_every_module_has_a_level(modules: dict[str, ast.Module]) -> None:
    assert {part_of(name) for name in modules} <= set(LEVEL)


def test_imports_go_down(modules: dict[str, ast.Module]) -> None:
    upward = {
        name: wrong
        for name, tree in modules.items()
        if (wrong := [m for m in imports(tree) if not allowed(name, m)])
    }
    assert not upward, "these modules may not import what is listed for them"


def test_no_circles(modules: dict[str, ast.Module]) -> None:
    def target(name: str) -> str:
        return name if name in modules else name.rpartition(".")[0]

    graph = {name: {target(m) for m in imports(tree)} - {name} for name, tree in modules.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as exc:
        pytest.fail(f"modules import one another in a circle: {exc.args[1]}")


@pytest.mark.parametrize(
    ("importer", "imported", "fine"),
    [
        pytest.param("sightline.cli.main", "sightline.build", True, id="down"),
        pytest.param("sightline.models.card", "sightline.engines.requests", False, id="sibling"),
        pytest.param("sightline.types", "sightline.models.card", False, id="up"),
        pytest.param("sightline.types", "sightline.errors", True, id="within the vocabulary"),
        pytest.param("sightline.models.card", "sightline.models.file", True, id="own package"),
    ],
)
def test_the_rule_itself(importer: str, imported: str, *, fine: bool) -> None:
    assert allowed(importer, imported) is fine

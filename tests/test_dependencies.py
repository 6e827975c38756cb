"""What the package imports, the package declares."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Packages that a test environment may lack: what their module is called.
MODULES = {
    "torch": "torch",
    "onnxscript": "onnxscript",
    "nvidia-ml-py": "pynvml",
    "openvino": "openvino",
    "tensorrt": "tensorrt",
    "cuda-bindings": "cuda",
}


def normalized(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    requirements = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    return {normalized(re.match(r"[\w.-]+", line)[0]) for line in requirements}


def imported() -> Iterator[tuple[str, str]]:
    """Top-level modules of others, and a file that imports each."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names}:
                if name not in sys.stdlib_module_names and name != "sightline":
                    yield name, str(path.relative_to(ROOT))


def test_what_is_imported_is_declared() -> None:
    packages = importlib.metadata.packages_distributions()
    for package, module in MODULES.items():
        packages.setdefault(module, [package])
    ours = declared()
    undeclared = {
        module: where
        for module, where in imported()
        if not {normalized(name) for name in packages.get(module, [module])} & ours
    }
    assert not undeclared


def test_the_check_sees_a_package_of_the_test_group() -> None:
    assert "pytest" not in declared()
    assert dict(imported())["httpx"] == "src/sightline/serving/http/fetch.py"

"""The syntax trees of the package's modules, for tests of its structure.

They are a million objects: a test holds them while it looks at them, and no process that only collects tests parses any.
"""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "sightline"


def package_trees() -> dict[str, ast.Module]:
    """The tree of each module, by its path in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }

"""The guide "Extending": each of its parts, put into a copy of the program as one file and one entry, works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.docs.pages import ROOT, blocks

import sightline

PAGE = ROOT / "docs" / "guides" / "extending.md"
PARTS = {"SINKS", "TRACKERS", "ENGINES", "DECODERS", "SOURCES"}
CHECKS = Path(__file__).with_name("extended_program.py")


def files() -> dict[str, str]:
    """The files of the page, by the last part of their module's name."""
    found = [block for block in blocks(PAGE) if block.file is not None]
    return {Path(str(block.file)).stem: block.text for block in found}


def entries() -> dict[str, str]:
    """What the page adds to each table."""
    shown = (
        re.match(r"(\w+) = \{\n    \.\.\.\n(.*)^\}$", b.text, re.DOTALL | re.MULTILINE)
        for b in blocks(PAGE)
    )
    return {match[1]: match[2] for match in shown if match}  # fmt: skip


def extended(folder: Path) -> Path:
    """A copy of the package with one file and one entry for each part of the page; nothing else differs."""
    package = Path(sightline.__file__).parent
    copy = folder / "sightline"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    (copy / "models" / "bundled").symlink_to(package / "models" / "bundled")
    tables = (copy / "tables" / "__init__.py").read_text()
    texts = files()
    for table, entry in entries().items():
        start = re.search(rf"^{table}\b.* = \{{$", tables, re.MULTILINE)
        assert start, f"there is no table {table}"
        end = tables.index("\n}", start.end()) + 1
        tables = tables[:end] + entry + tables[end:]
        (module,) = re.findall(r'"sightline\.([\w.]+):\w+"', entry)
        file = copy.joinpath(*module.split(".")).with_suffix(".py")
        assert not file.exists()
        file.write_text(texts.pop(file.stem))
    rest = set(texts) - {"dwell"}  # a stage is handed in from Python
    assert not rest, f"nothing adds {rest} to a table"
    (copy / "tables" / "__init__.py").write_text(tables)
    return folder


def test_each_part_is_one_file_and_one_entry(tmp_path: Path) -> None:
    assert set(entries()) >= PARTS
    environment = {**os.environ, "PYTHONPATH": str(extended(tmp_path / "copy"))}
    done = subprocess.run(
        [sys.executable, CHECKS], env=environment, cwd=tmp_path,
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    checked = set(done.stdout.split())
    assert checked >= PARTS, done.stdout


def test_the_page_shows_how_to_do_without(tmp_path: Path) -> None:
    """Without the entries, the words of the page are not known: what the other test sees is theirs."""
    done = subprocess.run(
        [sys.executable, CHECKS], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )  # fmt: skip
    assert done.returncode != 0
    assert "SINKS" not in done.stdout


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_of_the_page_is_typed_and_tidy(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(files()[name])
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "F,E,I,UP", "--ignore", "E501", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

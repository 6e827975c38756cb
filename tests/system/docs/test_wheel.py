"""The wheel alone, without the test group: everything can be imported, and the commands start."""

from __future__ import annotations

import subprocess

import pytest
from tests.system.docs.conftest import Installed

EXTRAS = {"torch", "opentelemetry"}
"""Modules of optional packages, which an error names with their extra."""

IMPORT_ALL = """
import importlib, pkgutil, sightline
for module in pkgutil.walk_packages(sightline.__path__, "sightline."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as exc:
        print(module.name, exc.name.partition(".")[0])
"""


@pytest.mark.timeout(900)
def test_every_module_can_be_imported(installed: Installed) -> None:
    done = run(installed, "python", "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    missing = dict(line.split() for line in done.stdout.splitlines())
    assert set(missing.values()) <= EXTRAS, missing


@pytest.mark.timeout(900)
def test_nothing_of_the_test_group_is_there(installed: Installed) -> None:
    assert run(installed, "python", "-c", "import pytest").returncode == 1


@pytest.mark.timeout(900)
def test_doctor_finds_everything(installed: Installed) -> None:
    done = run(installed, "sightline", "doctor")
    assert done.returncode == 0, done.stderr
    assert "ok  service" in done.stdout
    assert "not installed" not in done.stdout


def run(installed: Installed, command: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed.bin / command, *args],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd="/",
    )

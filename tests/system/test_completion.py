"""Shell completion: one command installs it, and bash then offers what there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SIGHTLINE = Path(sys.executable).with_name("sightline")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    # A second command keeps bash the parent: the shell that started `sightline` is the one that is meant.
    done = bash(home, "sightline --install-completion; exit $?")
    assert "bash completion installed" in done.stdout, done.stderr
    return home


def bash(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    path = f"{SIGHTLINE.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False, cwd=home,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": f"{home}/cache", "PATH": path},
    )  # fmt: skip


def offered(home: Path, *words: str) -> list[str]:
    """What bash offers for the last word, after it has read its start-up file."""
    line = " ".join(f'"{word}"' for word in words)
    script = (
        f'source ~/.bashrc; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; '
        '_sightline_completion sightline; printf "%s\\n" "${COMPREPLY[@]}"'
    )  # fmt: skip
    done = bash(home, script)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["tr"], {"track"}, id="a command"),
        pytest.param(["track", "--high"], {"--high-threshold"}, id="an option"),
        pytest.param(["track", "a.mp4", "--backend", "o"], {"openvino", "onnxruntime"}, id="a value"),
        pytest.param(["track", "a.mp4", "-m", ""], {"street", "people", "mine"}, id="models here"),
        pytest.param(["serve", "-m", "m"], {"mine"}, id="models that are served"),
        pytest.param(["serve", "-m", "peo"], set(), id="what is not served"),
        pytest.param(["models", "pull", "yolox_n"], {"yolox_nano"}, id="models to pull"),
        pytest.param(["models", "show", "m"], {"mine"}, id="models to show"),
        pytest.param(["inspect", "str"], {"street"}, id="models to look into"),
        pytest.param(["evaluate", "detect", "x", "-m", "str"], {"street"}, id="models to score"),
        pytest.param(["models", "p"], {"pull"}, id="a command of a group"),
        pytest.param(["track", "a.m"], set(), id="files are the shell's own"),
    ],
)  # fmt: skip
def test_bash_offers(words: list[str], expected: set[str], home: Path) -> None:
    folder = home / "cache" / "sightline" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.onnx").touch()
    assert set(offered(home, "sightline", *words)) == expected

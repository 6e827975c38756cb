"""Commands where the terminal is not what one would wish: no traceback, and the work is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

COMMANDS = {
    "detect": (["detect", "bild.png", "--model", "street"], 0),
    "a name that the encoding lacks": (["detect", "bü…日.png", "--model", "street"], 0),
    "an error that quotes it": (["detect", "nö…日.png", "--model", "street"], 1),
    "models list": (["models", "list"], 0),
    "doctor": (["doctor"], 0),
    "help": (["track", "--help"], 0),
    "a summary": (["detect", "bild.png", "bü…日.png", "--model", "street", "--json", "o.jsonl"], 0),
    "config": (["run", "nö.yaml"], 2),
}
TERMINALS = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii, narrow, dumb": {"PYTHONIOENCODING": "ascii", "COLUMNS": "12", "TERM": "dumb"},
    "cp1252": {"PYTHONIOENCODING": "cp1252:strict"},
    "LANG=C": {
        "LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "",
    },
}  # fmt: skip
# Every command on one terminal, and what says most on the others.
CASES = [(name, "latin-1") for name in COMMANDS] + [
    ("a summary", "ascii, narrow, dumb"),
    ("models list", "cp1252"),
    ("a name that the encoding lacks", "LANG=C"),
]
SIGHTLINE = [sys.executable, "-m", "sightline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("bild.png", "bü…日.png"):
        picture = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1]
        (folder / name).write_bytes(picture.tobytes())
    return folder


@pytest.mark.parametrize(("name", "where"), CASES)
def test_no_encoding_fails_a_command(name: str, where: str, folder: Path) -> None:
    command, code = COMMANDS[name]
    done = subprocess.run(
        [*SIGHTLINE, *command], cwd=folder, capture_output=True, timeout=90, check=False,
        env={**os.environ, **TERMINALS[where]},
    )  # fmt: skip
    assert b"Traceback" not in done.stdout + done.stderr, done.stderr
    assert b"codec" not in done.stderr
    assert done.returncode == code, done.stderr
    if command[0] == "detect" and "--json" not in command and code == 0:
        assert len(json.loads(done.stdout)["objects"]) == 0


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    quoted = f'sightline() {{ {sys.executable} -m sightline "$@"; }}\n{script}'
    return subprocess.run(
        ["bash", "-c", quoted], cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param("sightline models list >&-; echo $? >&2", "0", id="no output"),
        pytest.param("sightline models list 2>&-; echo $? >&2", "0", id="no errors"),
        pytest.param(
            "sightline detect bild.png --model street --json all.jsonl -v <&- >&- 2>&-; "
            "echo $? $(wc -l < all.jsonl) >&2",
            "0 1",
            id="nothing at all",
        ),
        pytest.param("sightline models list | true; echo ${PIPESTATUS[0]} >&2", "0", id="a pipe"),
        pytest.param(
            "(sightline detect bild.png nothing.png --model street --json out.jsonl 2>&1; "
            "echo $? > code) | true; echo $(cat code) $(wc -l < out.jsonl) >&2",
            "1 1",
            id="whoever reads the messages leaves",
        ),
    ],
)
def test_streams_that_are_closed(folder: Path, script: str, said: str) -> None:
    done = shell(script, folder)
    assert done.stderr.strip() == said
    assert "Traceback" not in done.stdout


def test_what_json_lacks_is_escaped_as_json_reads_it() -> None:
    """On a latin-1 terminal, and beyond the first plane too."""
    program = (
        "from sightline.cli.terminal import standard_streams; standard_streams.set_up(); import json; "
        "print(json.dumps('é…日', ensure_ascii=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert json.loads(done.stdout.decode("latin-1")) == "é…日"

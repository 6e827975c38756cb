"""On a real pseudo-terminal: no result stands on a line with something else."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SIGHTLINE = f"{sys.executable} -m sightline"
STREET = "'street://?seed=7&duration=2&width=320&height=192'"


def on_terminal(script: str, folder: Path) -> tuple[int, str]:
    """Run a shell script whose standard streams are a terminal; its exit code, and all that was sent."""
    ours, theirs = pty.openpty()
    sent: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                sent.append(data)
        except OSError:  # Linux says so when the other side is closed
            return

    process = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
    )  # fmt: skip
    os.close(theirs)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    code = process.wait(100)
    reader.join(10)
    os.close(ours)
    return code, b"".join(sent).decode()


def lines_at_their_ends(sent: str) -> list[str]:
    """What each line held when the cursor went on to the next, as a wide terminal shows it."""
    lines = [""]
    column = 0
    ended = []
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[^[]|[\r\n]|[^\x1b\r\n]+", sent):
        if token == "\r":
            column = 0
        elif token == "\n":
            ended.append(lines[-1])
            lines.append("")
        elif token.endswith("K") and token.startswith("\x1b["):
            lines[-1] = "" if token == "\x1b[2K" else lines[-1][:column]
        elif not token.startswith("\x1b"):
            lines[-1] = lines[-1][:column] + token + lines[-1][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in ended]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"{SIGHTLINE} track {STREET} --model street", id="results on the terminal"),
        pytest.param(f"{SIGHTLINE} track {STREET} --model street | cat", id="through a pipe"),
        pytest.param(
            f"{SIGHTLINE} track {STREET} --model street -q --save-config s.yaml > /dev/null; "
            f"{SIGHTLINE} run s.yaml",
            id="run",
        ),
    ],
)
def test_every_result_has_a_line_of_its_own(script: str, tmp_path: Path) -> None:
    code, sent = on_terminal(script, tmp_path)
    assert code == 0, sent
    results = [line for line in lines_at_their_ends(sent) if '{"stream"' in line]
    assert len(results) == 50
    for number, line in enumerate(results):
        assert json.loads(line)["frame"] == number


def test_results_in_a_file_leave_the_terminal_to_the_bar(tmp_path: Path) -> None:
    code, sent = on_terminal(f"{SIGHTLINE} track {STREET} --model street > out.jsonl", tmp_path)
    assert code == 0, sent
    assert "━" in sent
    assert "frames/s" in sent
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 50
    assert "{" not in sent


def test_what_is_logged_stands_above_the_bar(tmp_path: Path) -> None:
    """A program of our own, since no log of a command is sure to come in time."""
    (tmp_path / "program.py").write_text(
        "import logging, time\n"
        "from sightline.cli.terminal import logs\n"
        "from sightline.cli.terminal.progress import progress\n"
        "from sightline.runtime.streams.stream import StreamResult\n"
        "logs.set_up(0)\n"
        "result = StreamResult('cam', started_at=time.monotonic())\n"
        "with progress([result], quiet=False) as display:\n"
        "    for number in range(3):\n"
        "        result.frames += 1\n"
        "        display.show()\n"
        "        time.sleep(0.2)\n"
        "        logging.getLogger('sightline').warning('trouble %d', number)\n"
        "logging.getLogger('sightline').warning('after')\n"
    )
    code, sent = on_terminal(f"{sys.executable} program.py", tmp_path)
    assert code == 0, sent
    assert "━" in sent
    lines = [line for line in lines_at_their_ends(sent) if "trouble" in line or "after" in line]
    assert lines == [*(f"WARNING: trouble {number}" for number in range(3)), "WARNING: after"]

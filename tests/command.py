"""The command line inside of a test's own process: several times quicker than a process of its own.

Tests whose point is the process itself (signals, pipes, a clean end) start one.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sightline.cli.main import _run


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def in_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """What runs the command in a folder and returns its exit code, as the entry point makes it."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> Done:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        capsys.readouterr()
        try:
            with monkeypatch.context() as patch:
                patch.chdir(folder)
                patch.setattr(sys, "argv", ["sightline", *map(str, arguments)])
                for name, value in (env or {}).items():
                    patch.setenv(name, value)
                code = _run()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        text = capsys.readouterr()
        return Done(code, text.out, text.err)

    return run

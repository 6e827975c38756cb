"""The command line's entry: errors and interruptions as exit codes and words, without a process."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer
from tests.unit.cli.command_runner import run_command

from sightline import __version__
from sightline.cli import main
from sightline.errors import ConfigError, InferenceError, ModelError, SinkError, SourceError

COMMAND: Any = typer.main.get_command(main.app)


def raising(error: BaseException) -> Callable[[], None]:
    def app() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("--conf: it must be 1 or less"), 2, "error: --conf: it must be 1 or less\n"),
        (SourceError("a.mp4 does not exist"), 1, "error: a.mp4 does not exist\n"),
        (ModelError("m"), 1, "error: m\n"),
        (SinkError("s"), 1, "error: s\n"),
        (InferenceError("i"), 1, "error: i\n"),
        (SourceError("a\x1b[31mb\nc"), 1, None),
        (KeyboardInterrupt(), 130, ""),
        (KeyboardInterrupt("go on with --resume"), 130, "interrupted: go on with --resume\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("words"), 1, ""),
        (typer.Exit(2), 1, None),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, said: str | None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(main, "app", raising(error))
    assert main._run() == code
    out, err = capsys.readouterr()
    assert out == ""
    if said is not None:
        assert re.sub(r"\x1b\[\d+m", "", err) == said
    assert "\x1b[31mb" not in err, "names of files do not speak to the terminal"


def test_a_defect_is_told_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "app", raising(ZeroDivisionError("a defect")))
    assert main._run() == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[Any] = []
    monkeypatch.setattr(main.standard_streams, "forget", forgotten.append)
    monkeypatch.setattr(main, "app", raising(BrokenPipeError()))
    assert main._run() == 0

    def as_rich() -> None:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            raise SystemExit(1)  # noqa: B904 - as rich does

    monkeypatch.setattr(main, "app", as_rich)
    assert main._run() == 0
    assert forgotten == [sys.stdout] * 2


@pytest.mark.parametrize(
    ("arguments", "ends"),
    [
        (["run", "site.yaml"], True),
        (["serve"], True),
        (["track", "run"], False),
        (["--help", "run"], False),
        ([], False),
    ],
)
def test_what_a_supervisor_ends(
    arguments: list[str], ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sightline", *arguments])
    assert main._runs_until_ended() is ends


def test_the_version() -> None:
    found = run_command(main.app, "--version")
    assert (found.exit_code, found.output) == (0, f"{__version__}\n")


def commands() -> list[list[str]]:
    """Every command of the program, with the groups that it is in."""

    def walk(group: Any, path: list[str]) -> list[list[str]]:
        found = [path]
        for name, command in getattr(group, "commands", {}).items():
            found += walk(command, [*path, name])
        return found

    return walk(COMMAND, [])


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_a_help_that_says_what_it_does(path: list[str]) -> None:
    command = COMMAND
    for name in path:
        command = command.commands[name]
    assert command.help
    assert command.help.strip()[0].isupper()
    options = [one for one in command.params if one.param_type_name == "option"]
    assert [one.name for one in options if not (one.help or one.hidden)] == []


def test_a_word_that_is_no_command_is_told_with_the_nearest() -> None:
    found = run_command(main.app, "detekt")
    assert found.exit_code == 2
    assert "detect" in found.output

"""Commands run in this process; a program's tree of commands is made once, which takes a quarter of a second."""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest import mock

import typer
import typer.testing

_command = cache(typer.main.get_command)


def run_command(app: typer.Typer, *arguments: str) -> Any:
    """The result of a command: ``exit_code``, ``output``, ``exception``."""
    with mock.patch.object(typer.testing, "_get_command", _command):
        return typer.testing.CliRunner().invoke(app, list(arguments))

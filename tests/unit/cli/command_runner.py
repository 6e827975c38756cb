"""Commands run in this process; a program's tree of commands is made once, which takes a quarter of a second."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer.testing import CliRunner

_command = cache(typer.main.get_command)


class CommandRunner(CliRunner):
    """As typer's own."""

    def run(self, app: typer.Typer, *arguments: str) -> Any:
        """The result of a command: ``exit_code``, ``output``, ``exception``."""
        return super(CliRunner, self).invoke(_command(app), list(arguments))


run_command = CommandRunner().run

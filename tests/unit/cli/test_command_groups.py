"""Groups of commands of which one need not be named."""

from __future__ import annotations

import pytest
import typer
from tests.unit.cli.command_runner import run_command

from sightline.cli.command_groups import DefaultCommandGroup


class Group(DefaultCommandGroup):
    default_command = "show"


app = typer.Typer(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def show(name: str, loud: bool = False) -> None:
    """Show one."""
    typer.echo(f"show {name} {loud}")


@app.command()
def remove(name: str) -> None:
    """Remove one."""
    typer.echo(f"remove {name}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x"], "show x False"),
        (["x", "--loud"], "show x True"),
        (["--loud", "x"], "show x True"),
        (["show", "x"], "show x False"),
        (["remove", "x"], "remove x"),
        (["show", "remove"], "show remove False"),
        (["./remove"], "show ./remove False"),
    ],
)
def test_a_word_that_is_no_command_belongs_to_the_default_one(
    arguments: list[str], said: str
) -> None:
    found = run_command(app, *arguments)
    assert (found.exit_code, found.output.strip()) == (0, said)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_is_that_of_the_group(arguments: list[str]) -> None:
    found = run_command(app, *arguments)
    assert found.exit_code == 0
    assert "remove" in found.output


def test_without_words_the_group_is_asked() -> None:
    assert run_command(app).exit_code != 0

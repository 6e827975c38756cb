"""``sightline package`` with its options in any order."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sightline.cli.toolchain.package import app


@pytest.mark.parametrize(
    "arguments",
    [
        ["street", "--target", "none", "--output", "gate"],
        ["--target", "none", "--output", "gate", "street"],
        ["write", "street", "--target", "none", "--output", "gate"],
    ],
)
def test_options_may_stand_before_the_model(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert "--target none: there is no such machine" in str(result.exception)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["verify", "--help"]])
def test_help_is_that_of_the_group(arguments: list[str]) -> None:
    assert "verify" in CliRunner().invoke(app, arguments).output

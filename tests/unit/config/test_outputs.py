"""Options of outputs: what has no effect is a mistake, on the command line, in YAML and in Python."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.config import OutputOptions, checked
from sightline.errors import ConfigError
from sightline.tables import SINKS

CHANGED: dict[type, Any] = {bool: True, int: 7}
CASES = [(kind, name) for kind, entry in SINKS.items() for name in entry.options]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_an_option_of_an_output_that_is_not_written(kind: str, name: str) -> None:
    option = SINKS[kind].options[name]
    value = option.choices[-1] if option.choices else CHANGED[option.kind]
    with pytest.raises(ConfigError, match=f"{name} has no effect without {kind}"):
        checked(OutputOptions, **{name: value})
    assert getattr(checked(OutputOptions, **{kind: "out/", name: value}), name) == value


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_default_that_is_said_is_no_mistake(kind: str, name: str) -> None:
    assert checked(OutputOptions, **{name: SINKS[kind].options[name].default}).paths() == []

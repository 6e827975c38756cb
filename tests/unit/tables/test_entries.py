"""What the tables say of each part is true of it: names lead to something, and options are whole."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

from sightline import tables
from sightline.tables import BUNDLED, ENGINES, EXPORTERS, SINKS, SOURCES, TRACKERS, flag_of, load
from sightline.tables.entries import Option

MAKERS = {
    **{f"sink {name}": entry.make for name, entry in SINKS.items()},
    **{f"tracker {name}": entry.make for name, entry in TRACKERS.items()},
    **{f"source {name}": entry.make for name, entry in SOURCES.items()},
    **{f"exporter {name}": entry.make for name, entry in EXPORTERS.items()},
    **{f"engine {name}": make for name, make in ENGINES.items()},
    **{f"decoder {name}": make for name, make in tables.DECODERS.items()},
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_name_leads_to_a_file_that_has_it(make: str) -> None:
    module, _, name = make.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None  # noqa: PT018
    text = Path(spec.origin).read_text()
    assert f"def {name}(" in text or f"class {name}" in text


def options() -> dict[str, Option]:
    owners: dict[str, Any] = {**SINKS, **TRACKERS}
    return {
        f"{owner}.{name}": one
        for owner, entry in owners.items()
        for name, one in entry.options.items()
    }


@pytest.mark.parametrize("option", options().values(), ids=options())
def test_an_option_is_whole(option: Option) -> None:
    assert option.about
    assert option.about[-1] not in ". "
    assert not option.about.startswith(("A ", "The "))
    if option.default is not None:
        assert isinstance(
            option.default, (option.kind, int) if option.kind is float else option.kind
        )
        if option.least is not None and not isinstance(option.default, str):
            assert option.default >= option.least
    if option.least is not None and option.most is not None:
        assert option.least < option.most
    if option.choices:
        assert option.kind is str
        assert option.default in (None, *option.choices)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_takes_the_options_of_its_entry(name: str) -> None:
    entry = TRACKERS[name]
    taken = inspect.signature(load(entry.make)).parameters
    asked = set(entry.options) - {"embedder"}
    assert asked <= set(taken) or any(one.kind is one.VAR_KEYWORD for one in taken.values())


def test_flags_that_messages_name() -> None:
    assert flag_of("json_lines") == "--json"
    assert flag_of("yolo_txt") == "--yolo-txt"
    flags = [flag for entry in SINKS.values() for flag in entry.flags]
    assert len(flags) == len(set(flags))


def test_sources_are_told_by_their_scheme_once() -> None:
    schemes = [scheme for entry in SOURCES.values() for scheme in entry.schemes]
    assert len(schemes) == len(set(schemes))


def test_bundled_models_are_there() -> None:
    assert BUNDLED.is_dir()
    assert list(BUNDLED.glob("*.onnx"))

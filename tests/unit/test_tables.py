"""The tables of parts: words that do not clash, and entries that lead somewhere."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.cli import analyze
from sightline.cli.part_options import OUTPUT_FLAGS, TRACKER_FLAGS
from sightline.config import OutputOptions
from sightline.config.tracker import TRACKER_KINDS
from sightline.protocols import Sink
from sightline.tables import EXPORTERS, SINKS, SOURCES, TRACKERS, flag_of, load
from sightline.tables.entries import Option
from sightline.types import OutputRequest, OutputStream

OPTIONS = {
    **{name: option for entry in SINKS.values() for name, option in entry.options.items()},
    **{name: option for entry in TRACKERS.values() for name, option in entry.options.items()},
}


def test_no_two_outputs_have_one_name() -> None:
    names = Counter([*SINKS, *(name for entry in SINKS.values() for name in entry.options)])
    assert max(names.values()) == 1, names
    flags = Counter(flag for entry in SINKS.values() for flag in entry.flags)
    assert max(flags.values()) == 1, flags


@pytest.mark.parametrize("command", [analyze.detect, analyze.track])
def test_flags_of_parts_clash_with_no_other(command: Callable[..., None]) -> None:
    parameters = list(inspect.signature(command).parameters)
    assert len(parameters) == len(set(parameters))
    assert set(OUTPUT_FLAGS) <= set(parameters)
    assert not set(OUTPUT_FLAGS) & set(TRACKER_FLAGS)


def test_each_entry_has_its_option_and_its_flag() -> None:
    assert set(OutputOptions.model_fields) == set(OUTPUT_FLAGS)
    assert set(SINKS) <= set(OUTPUT_FLAGS)
    for kind, options in TRACKER_KINDS.items():
        assert options(kind=kind).kind == kind
        assert set(options.model_fields) - {"kind"} == set(TRACKERS[kind].options)
    assert [flag_of(kind) for kind in ("json_lines", "annotated", "yolo_txt")] == [
        "--json", "--output", "--yolo-txt",
    ]  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_s_default_is_one_that_it_accepts(name: str) -> None:
    option: Option = OPTIONS[name]
    assert option.about
    assert option.about[0].islower() or option.about[:2].isupper()
    assert not option.about.endswith(".")
    if option.default is not None:
        assert isinstance(option.default, option.kind)
        assert not option.unset, "what happens without a value is only for readers of None"
        assert option.least is None or option.default >= option.least
    elif option.kind is not bool:
        assert option.unset


@pytest.mark.parametrize(
    "kind", [kind for kind in SINKS if kind != "show"]
)  # a window needs a screen
@pytest.mark.parametrize("live", [False, True])
def test_every_sink_is_made_of_a_request_and_opens_nothing(
    kind: str, live: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = SINKS[kind]
    request = OutputRequest(
        "out/" if entry.takes == "folder" else f"file{entry.suffix}",
        (OutputStream("gate", live=live),),
        append=live,
        options={name: option.default for name, option in entry.options.items()},
    )
    sink: Sink = load(entry.make)(request)
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_schemes_are_of_one_kind_of_source() -> None:
    schemes = Counter(scheme for entry in SOURCES.values() for scheme in entry.schemes)
    assert set(schemes.values()) <= {1}
    known: set[Any] = {"options", "loop", "fps", "turn"}
    assert all(set(entry.takes) <= known for entry in SOURCES.values())


def test_each_format_of_an_export_has_a_suffix_of_its_own() -> None:
    suffixes = Counter(entry.suffix for entry in EXPORTERS.values())
    assert max(suffixes.values()) == 1, suffixes
    for entry in EXPORTERS.values():
        assert callable(load(entry.make))

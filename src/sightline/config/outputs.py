"""Where results are written: an option for each entry of the table of sinks, and for what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from sightline.addresses import database_address
from sightline.config.options import Options
from sightline.config.part_fields import option_field
from sightline.config.paths import PathField, paths_in
from sightline.tables import SINKS
from sightline.tables.entries import SinkEntry


def _path_text(value: object) -> object:
    """Python callers may give a ``Path``."""
    return str(value) if isinstance(value, Path) else value


def _folder(text: str) -> str:
    """An output that is many files, which no stream or address takes."""
    if not text or text == "-" or "://" in text:
        raise ValueError(f"give a folder, not {text!r}")
    return text


_TEXT = BeforeValidator(_path_text)
# Text, not paths: "out/" means a folder, also where there is none yet.
OutputPath = Annotated[str | None, _TEXT, PathField("output")]
OutputFolder = Annotated[Annotated[str, AfterValidator(_folder)] | None, _TEXT, PathField("output")]
DatabaseAddress = Annotated[
    Annotated[str, AfterValidator(database_address)] | None, _TEXT, PathField("output")
]
_TYPES: Mapping[str, object] = {
    "path": OutputPath,
    "folder": OutputFolder,
    "database": DatabaseAddress,
    "nothing": bool,
}


def _fields() -> Iterator[tuple[str, object]]:
    """The options of all sinks: type and default by name, in the order of the table."""
    for name, entry in SINKS.items():
        default = False if entry.takes == "nothing" else None
        yield name, (_TYPES[entry.takes], Field(default, description=entry.about))
        yield from ((more, option_field(option)) for more, option in entry.options.items())


if TYPE_CHECKING:

    class _Sinks(Options):
        """What type checkers know of the table's options."""

        json_lines: str | None = None
        csv: str | None = None
        coco: str | None = None
        mot: str | None = None
        yolo_txt: str | None = None
        yolo_scores: bool = False
        yolo_pictures: bool = False
        crops: str | None = None
        crops_per_track: int = 3
        crops_every: int | None = None
        annotated: str | None = None
        show_fps: bool = False
        database: str | None = None
        show: bool = False

else:
    _Sinks = create_model("_Sinks", __base__=Options, **dict(_fields()))


@dataclass(frozen=True, slots=True)
class ChosenOutput:
    """One output that is written: its kind (a key of ``tables.SINKS``), its place and its options.

    ``path`` is "" where the kind has none.
    """

    kind: str
    path: str
    options: Mapping[str, object]

    @property
    def entry(self) -> SinkEntry:
        """The table's entry of the kind."""
        return SINKS[self.kind]


class OutputOptions(_Sinks):
    """Where a run writes what it sees. What is None is not written."""

    append: bool = Field(False, description="a live stream keeps what is in its files already")

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        """Options of an output that is not written are a mistake: nothing else would tell."""
        for kind, entry in SINKS.items():
            if getattr(self, kind):
                continue
            for name, option in entry.options.items():
                if getattr(self, name) != option.default:
                    raise ValueError(
                        f"{name} has no effect without {kind}: give {kind} too, or leave {name} out"
                    )
        return self

    def chosen(self) -> Iterator[ChosenOutput]:
        """The outputs that are written, in the order of the table."""
        for kind, entry in SINKS.items():
            value = getattr(self, kind)
            if value is not None and value is not False:
                path = "" if value is True else value
                yield ChosenOutput(kind, path, {one: getattr(self, one) for one in entry.options})

    def paths(self) -> list[str]:
        """Where results are written, in the order of the options; ``-`` is standard output."""
        return [text for _, text, _ in paths_in(self)]

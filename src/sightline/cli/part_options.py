"""Flags of the parts in ``tables``: outputs, trackers, and their options, by the names of the configuration.

A command's help must not wait for pydantic, so they are made from the tables, as the configuration is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.tables import SINKS, TRACKERS
from sightline.tables.entries import Option, SinkEntry

if TYPE_CHECKING:
    from sightline.config import OutputOptions, StageOptions, TrackerKind

RESULTS = "Results"
TRACKER = "Tracker"
STAGES = "Further models"
TILES = "Tiles"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _help(about: str, unset: str) -> str:
    text = f"{about[0].upper()}{about[1:]}"
    default = unset.replace("`", "")
    return f"{text} \\[default: {default}]" if default else f"{text}."


def _about(option: Option) -> str:
    """What an option is, and the words that it may be."""
    return f"{option.about}: {', '.join(option.choices)}" if option.choices else option.about


def _option(name: str, option: Option, panel: str) -> Any:
    """The annotation of the flag of an option that is None or False where it is not given."""
    flag = _flag(name)
    if option.kind is bool:
        flag = flag if option.default is False else f"{flag}/--no-{flag.removeprefix('--')}"
    made = typer.Option(
        flag,
        min=option.least,
        max=option.most,
        help=_help(_about(option), option.unset),
        show_default=option.default is not None and option.default is not False,
        rich_help_panel=panel,
    )
    kind: Any = option.kind
    return Annotated[kind if option.default is not None else kind | None, made]


def _output(name: str, entry: SinkEntry) -> object:
    made = typer.Option(
        _flag(name),
        *entry.flags,
        help=_help(entry.about, entry.unset),
        show_default=False,
        rich_help_panel=RESULTS,
    )
    kind: object = bool if entry.takes == "nothing" else str | None
    return Annotated[kind, made]


def _parameter(name: str, annotation: object, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _output_flags() -> Iterator[inspect.Parameter]:
    for name, entry in SINKS.items():
        yield _parameter(name, _output(name, entry), False if entry.takes == "nothing" else None)
        for more, option in entry.options.items():
            yield _parameter(more, _option(more, option, RESULTS), option.default)
    append = Option(bool, "a live stream keeps what is in its files", False)
    yield _parameter("append", _option("append", append, RESULTS), False)


def _tracker_flags() -> Iterator[inspect.Parameter]:
    kinds = ", ".join(TRACKERS)
    default = next(iter(TRACKERS))
    made = typer.Option(
        "--tracker", help=f"{kinds}.", show_default=default, rich_help_panel=TRACKER
    )
    yield _parameter("tracker", Annotated[str | None, made])
    options: dict[str, Option] = {}
    for entry in TRACKERS.values():
        for name, option in entry.options.items():  # where two have one name, the first one tells
            options.setdefault(name, option)
    yield from (_parameter(name, _option(name, o, TRACKER)) for name, o in options.items())


def _stage_flags() -> Iterator[inspect.Parameter]:
    made = typer.Option(
        "--classify",
        help="Show tracked objects to a classifier: MODEL, or MODEL:class,class. May be repeated.",
        show_default=False,
        rich_help_panel=STAGES,
    )
    yield _parameter("classify", Annotated[list[str] | None, made])
    made = typer.Option(
        "--embed",
        help="Make vectors of tracked objects, to search by, which --db keeps: MODEL, or "
        "MODEL:class,class. May be repeated.",
        show_default=False,
        rich_help_panel=STAGES,
    )
    yield _parameter("embed", Annotated[list[str] | None, made])
    made = typer.Option(
        "--segment",
        help="Give objects the masks of a segmentation model: MODEL, or MODEL:class,class. May be repeated.",
        show_default=False,
        rich_help_panel=STAGES,
    )
    yield _parameter("segment", Annotated[list[str] | None, made])


def _tile_flags() -> Iterator[inspect.Parameter]:
    made = typer.Option(
        "--tiles",
        help="Look at each picture in overlapping tiles, for small objects. So does any of the next.",
        rich_help_panel=TILES,
    )
    yield _parameter("tiles", Annotated[bool, made], False)
    for name, option in _TILE_OPTIONS.items():
        yield _parameter(name, _option(name, option, TILES))


_TILE_OPTIONS = {  # how much they may be, TileOptions says
    "smallest": Option(
        int,
        "shorter side in pixels of the smallest objects wanted: tiles are as large as they may be, and there "
        "are none where the whole picture will do",
    ),
    "tile": Option(
        str, "640, or 640x384: a tile in pixels of the picture", unset="the network's input"
    ),
    "overlap": Option(
        float,
        "share of its side that a tile has in common with the next",
        unset=".2",
    ),
}

OUTPUT_FLAGS = {flag.name: flag for flag in _output_flags()}
TRACKER_FLAGS = {flag.name: flag for flag in _tracker_flags()}
TILE_FLAGS = {flag.name: flag for flag in _tile_flags()}
STAGE_FLAGS = {flag.name: flag for flag in _stage_flags()}


def set_flags(
    command: Callable[..., None], *, tracked: bool, said: Mapping[str, object] | None = None
) -> None:
    """Give a command that ends with ``**flags`` those of outputs, and of trackers where it tracks.

    ``said`` are annotations of the command's own flags that mean something else to it.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [
        p.replace(annotation=(said or {}).get(p.name, p.annotation))
        for p in signature.parameters.values()
        if p.kind is not p.VAR_KEYWORD
    ]
    tracking = (*TRACKER_FLAGS.values(), *STAGE_FLAGS.values())
    more = [*TILE_FLAGS.values(), *OUTPUT_FLAGS.values(), *(tracking if tracked else ())]
    command.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*own, *more)}


def tile_options(given: Mapping[str, object]) -> dict[str, Any] | None:
    """The options of tiles that flags mean; None: there are none."""
    told = {name: given[name] for name in _TILE_OPTIONS if given[name] is not None}
    return told if given["tiles"] or told else None


def further_stages(given: Mapping[str, Any], outputs: OutputOptions) -> tuple[StageOptions, ...]:
    """The stages that flags mean: those of one kind in order. Raises ConfigError."""
    from sightline.config import ClassifyOptions, EmbedOptions, SegmentOptions, stage_options
    from sightline.errors import ConfigError

    if given["embed"] and outputs.database is None:
        raise ConfigError("--embed: its vectors are kept in a database: give --db")
    return (
        *(stage_options(ClassifyOptions, text) for text in given["classify"] or ()),
        *(stage_options(EmbedOptions, text) for text in given["embed"] or ()),
        *(stage_options(SegmentOptions, text) for text in given["segment"] or ()),
    )


def output_options(given: Mapping[str, object]) -> OutputOptions:
    """The outputs that flags mean: JSON lines on standard output where there are none.

    Raises ConfigError naming the option.
    """
    from sightline.config import OutputOptions, checked

    values = {name: given[name] for name in OUTPUT_FLAGS}
    if values["json_lines"] is None and not any(values[name] for name in SINKS):
        values["json_lines"] = "-"
    return checked(OutputOptions, **values)


def tracker_options(given: Mapping[str, Any]) -> TrackerKind:
    """The tracker that flags mean. Raises ConfigError naming the option."""
    from sightline.config import TrackParameters, checked
    from sightline.config.tracker import TRACKER_KINDS

    values = {
        name: given[name]
        for name in TRACKER_FLAGS
        if name != "tracker" and given.get(name) is not None
    }
    if given["tracker"] is not None:
        values["kind"] = checked(TrackParameters, tracker=given["tracker"]).tracker.kind
    kind = values.get("kind", next(iter(TRACKERS)))
    return checked(TRACKER_KINDS[kind], **values)

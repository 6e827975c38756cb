"""The tracker's options as flags of a command: those of ``config.ByteTrackOptions``, by the same names.

They are written out, because a command's help must not wait for pydantic; a test holds both together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sightline.config import ByteTrackOptions

PANEL = "Tracker"


def _number(name: str, text: str, kind: type, least: float, most: float | None = None) -> Any:
    option = typer.Option(
        name, min=least, max=most, help=text, show_default=False, rich_help_panel=PANEL
    )
    return Annotated[kind | None, option]


def _share(name: str, text: str) -> Any:
    return _number(name, text, float, 0, 1)


FLAGS: dict[str, Any] = {
    "tracker": Annotated[
        str | None,
        typer.Option(
            "--tracker", help="bytetrack.", show_default="bytetrack", rich_help_panel=PANEL
        ),
    ],
    "high_threshold": _share(
        "--high-threshold", "Score of detections that are matched first \\[default: --conf]"
    ),
    "low_threshold": _share(
        "--low-threshold", "Lowest score that is looked at \\[default: 0.1, or a lower --conf]"
    ),
    "new_track_threshold": _share(
        "--new-track-threshold", "Lowest score of a new object \\[default: --conf]"
    ),
    "match_threshold": _share(
        "--match-threshold", "Smallest overlap (IoU) with a sure detection \\[default: 0.2]"
    ),
    "low_match_threshold": _share(
        "--low-match-threshold", "Smallest overlap with a doubtful detection \\[default: 0.5]"
    ),
    "new_match_threshold": _share(
        "--new-match-threshold",
        "Smallest overlap of an object that is not confirmed yet \\[default: 0.3]",
    ),
    "minimum_hits": _number(
        "--minimum-hits", "Detections in a row that confirm a new object \\[default: 2]", int, 1
    ),
    "lost_buffer_s": _number(
        "--lost-buffer-s", "Seconds out of sight until an id is given up \\[default: 1]", float, 0
    ),
    "class_aware": Annotated[
        bool | None,
        typer.Option(
            "--class-aware/--no-class-aware",
            help="Join only what has the same class \\[default: as the model's card says]",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ],
}
"""The parameters of a command that tracks, each None unless it is given."""


def set_flags(
    command: Callable[..., None], *, tracked: bool, said: Mapping[str, Any] | None = None
) -> None:
    """Give a command that ends with ``**tracker_options`` these flags in their place, or none.

    ``said`` are annotations of the command's own flags that mean something else to it.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [
        p.replace(annotation=(said or {}).get(p.name, p.annotation))
        for p in signature.parameters.values()
        if p.kind is not p.VAR_KEYWORD
    ]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in (FLAGS if tracked else {}).items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*own, *more)}


def tracker_options(given: dict[str, Any]) -> ByteTrackOptions:
    """The options that flags mean. Raises ConfigError naming the option."""
    from sightline.config import ByteTrackOptions, TrackParameters, checked

    values = {name: value for name, value in given.items() if value is not None}
    kind = values.pop("tracker", None)
    if kind is not None:
        values["kind"] = checked(TrackParameters, tracker=kind).tracker.kind
    return checked(ByteTrackOptions, **values)

"""Sources: what a user's word means, and the name of its stream."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.addresses import read_address
from sightline.build.tables import SOURCES, load
from sightline.config import LiveOptions, StreamOptions
from sightline.errors import ConfigError
from sightline.protocols import Source

if TYPE_CHECKING:
    from sightline.sources.ffmpeg import Turn

LIVE = {"url", "camera"}

FEW_PICTURES = 100
"""From so many on, what a runtime takes longer to start is made up for by its speed."""


@dataclass(frozen=True)
class Input:
    """A source that a user named."""

    name: str
    kind: str
    source: Source
    spec: str = ""
    """What the user wrote."""
    paced: bool = False
    """A recording that is played at its own speed, as a camera would."""
    endless: bool = False
    """A street without an end, or one that is played at its own speed."""

    @property
    def live(self) -> bool:
        """It goes on by itself: it must not wait for its turn."""
        return self.paced or self.kind in LIVE

    @property
    def takes_turns(self) -> bool:
        """It may wait until other sources have ended, because it ends by itself."""
        return not (self.live or self.endless)

    @property
    def still(self) -> bool:
        """Pictures that have nothing to do with one another."""
        return self.kind == "images"


def few_pictures(inputs: Sequence[Input]) -> bool:
    """Whether only so few pictures will come that a quick start counts more than speed later."""
    from sightline.sources.images import ImageSource

    sources = [i.source for i in inputs]
    return (
        sum(len(s) if isinstance(s, ImageSource) else FEW_PICTURES for s in sources) < FEW_PICTURES
    )


def source_kind(spec: str) -> str:
    """The key of SOURCES for a user's word: path, glob, URL, camera number or device."""
    if "://" in spec:
        return "street" if spec.startswith("street://") else "url"
    if spec.isdigit() or spec.startswith("/dev/video"):
        return "camera"
    from sightline.sources.images import IMAGE_SUFFIXES

    path = Path(spec)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return "images"
    if any(c in spec for c in "*?[") and not path.exists():
        return "images"
    return "file"


def check_source(options: StreamOptions) -> None:
    """See whether the source of a stream can be what it is called; nothing is opened.

    Raises ConfigError, SourceError.
    """
    kind = source_kind(options.source)
    if kind == "street":
        from sightline.sources.street.options import StreetOptions

        StreetOptions.from_url(options.source)
    elif kind == "url":
        from sightline.sources.connection import url_target

        url_target(options.source, options.live)
    if options.loop and kind != "file":
        hint = "; a street with duration=0 never ends" if kind == "street" else ""
        raise ConfigError(f"loop: only a video file can begin again{hint}")


def inputs(
    specs: Sequence[str],
    live: LiveOptions | None = None,
    names: Sequence[str] | None = None,
    *,
    loop: bool = False,
    turn: Turn | None = None,
) -> list[Input]:
    """A source for each word, under names that differ: the file's, ``camera-0``, ``host``.

    Args:
        specs: the words.
        live: how those connect that are streams or cameras.
        names: instead of those above, one for each word.
        loop: files begin again at their end.
        turn: held while videos are decoded, where many share few cores.
    """
    streams = {"options": live, "turn": turn}
    files = {"loop": 0 if loop else 1, "turn": turn}
    found: list[Input] = []
    taken: set[str] = set()
    for number, spec in enumerate(specs):
        kind = source_kind(spec)
        first = names[number] if names else _stream_name(spec, kind)
        later = (f"{first}-{n}" for n in itertools.count(2))
        name = next(name for name in itertools.chain([first], later) if name not in taken)
        taken.add(name)
        target = int(spec) if spec.isdigit() else spec
        options = streams if kind in LIVE else files if kind == "file" else {}
        source = load(SOURCES[kind])(target, name, **options)
        found.append(
            Input(name, kind, source, spec, endless=kind == "street" and _is_endless(spec))
        )
    return found


def _is_endless(street: str) -> bool:
    from sightline.sources.street.options import StreetOptions

    options = StreetOptions.from_url(street)
    return options.live or options.frames is None


def _stream_name(spec: str, kind: str) -> str:
    if kind == "street":
        return "street"
    if kind == "url":
        try:
            address = read_address(spec)
        except ValueError:
            return "stream"  # opening it tells what is wrong
        return Path(address.path).stem or address.host
    if kind == "camera":
        return f"camera-{spec}" if spec.isdigit() else Path(spec).name
    return Path(spec).stem if kind == "file" else spec

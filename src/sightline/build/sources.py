"""Sources: what a user's word means, and the name of its stream."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.addresses import read_address
from sightline.config import LiveOptions, StreamOptions
from sightline.config.paths import possible_path
from sightline.errors import ConfigError
from sightline.protocols import Source
from sightline.redaction import redact
from sightline.tables import SOURCES, load

if TYPE_CHECKING:
    from sightline.sources.turn import Turn

log = logging.getLogger(__name__)

LIVE = {kind for kind, entry in SOURCES.items() if entry.live}

_KINDS = {scheme: kind for kind, entry in SOURCES.items() for scheme in entry.schemes}
"""Kinds of source that have a scheme of their own."""

FEW_PICTURES = 100
"""From so many on, what a runtime takes longer to start is made up for by its speed."""


@dataclass(frozen=True)
class SourceInput:
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
    film: bool = False
    """Pictures that are the frames of one film."""

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
        return self.kind == "images" and not self.film


def few_pictures(inputs: Sequence[SourceInput]) -> bool:
    """Whether only so few pictures will come that a quick start counts more than speed later."""
    from sightline.sources.images import ImageSource

    sources = [i.source for i in inputs]
    return (
        sum(len(s) if isinstance(s, ImageSource) else FEW_PICTURES for s in sources) < FEW_PICTURES
    )


def source_kind(spec: str) -> str:
    """The key of SOURCES for a user's word: path, glob, URL, camera number or device."""
    if "://" in spec:
        return _KINDS.get(spec.partition("://")[0], "url")
    if spec.isdecimal() or spec.startswith("/dev/video"):
        return "camera"
    from sightline.sources.images import IMAGE_SUFFIXES, is_film, is_numbered
    from sightline.sources.lists import is_list

    path = Path(spec)
    if is_list(spec):
        return "images" if _listed_pictures(spec) else "file"
    if path.suffix.lower() == ".sdp":
        return "sdp"
    one = path.suffix.lower() in IMAGE_SUFFIXES and not is_film(path)
    matched = any(c in spec for c in "*?[") and not path.exists()
    return "images" if one or matched or is_numbered(spec) or path.is_dir() else "file"


def check_source(options: StreamOptions) -> None:
    """See whether the source of a stream can be what it is called; nothing is opened.

    Raises ConfigError, SourceError.
    """
    kind = source_kind(options.source)
    _check_times(options.source, kind, options.fps, options.start)
    if kind == "street":
        from sightline.sources.street.options import StreetOptions

        StreetOptions.from_url(options.source)
    elif kind == "url":
        from sightline.sources.network.connection import url_target

        url_target(options.source, options.live)
    if options.loop and "loop" not in SOURCES[kind].takes:
        hint = "; a street with duration=0 never ends" if kind == "street" else ""
        raise ConfigError(f"loop: only a video file can begin again{hint}")


def inputs(
    specs: Sequence[str],
    live: LiveOptions | None = None,
    names: Sequence[str] | None = None,
    *,
    loop: bool = False,
    turn: Turn | None = None,
    fps: float | None = None,
    start: datetime | None = None,
) -> list[SourceInput]:
    """A source for each word, under names that differ: the file's, ``camera-0``, ``host``.

    Args:
        specs: the words.
        live: how those connect that are streams or cameras.
        names: instead of those above, one for each word.
        loop: files begin again at their end.
        turn: held while videos are decoded, where many share few cores.
        fps: pictures are the frames of one film at this rate.
        start: when the recordings were begun.

    Raises:
        ConfigError: a word is empty, ``fps`` is given for what is no pictures, ``start`` for what is live or for
            pictures that have no time.
    """
    given: dict[str, object] = {"options": live, "loop": 0 if loop else 1, "fps": fps, "turn": turn}
    found: list[SourceInput] = []
    taken: set[str] = set()
    for spec in specs:
        _check_word(spec)
    for number, spec in enumerate(specs if names else itertools.chain(*map(_expanded, specs))):
        kind = source_kind(spec)
        first = names[number] if names else _stream_name(spec, kind)
        later = (f"{first}-{n}" for n in itertools.count(2))
        name = next(name for name in itertools.chain([first], later) if name not in taken)
        taken.add(name)
        target: object = int(spec) if spec.isdecimal() else spec
        if kind == "images":
            target = _listed_pictures(spec) or spec
        _check_times(spec, kind, fps, start)
        entry = SOURCES[kind]
        source = load(entry.make)(target, name, **{option: given[option] for option in entry.takes})
        if start is not None:
            source = dated(source, start)
        endless = kind == "street" and _is_endless(spec)
        found.append(SourceInput(name, kind, source, spec, endless=endless, film=fps is not None))
    _keep_apart(found)
    return found


def pictures(
    paths: Sequence[Path], *, fps: float | None = None, start: datetime | None = None
) -> Source:
    """Picture files in the order that is given, as one source. Raises ConfigError as ``inputs``."""
    source: Source = load(SOURCES["images"].make)(paths, fps=fps)
    if start is None:
        return source
    _check_times("a list", "images", fps, start)
    return dated(source, start)


def warn_untracked(names: Sequence[str]) -> None:
    """Say once, for all sources of single pictures, that their objects get no ids.

    Ids would say that an object is the same as in the picture before.
    """
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        log.warning(
            "%s%s: pictures have nothing to do with one another, so their objects get no ids; where they "
            "are the frames of one film, give their frame rate (--fps 25, fps=25)", names[0], more,
        )  # fmt: skip


def _keep_apart(inputs: Sequence[SourceInput]) -> None:
    """Where pictures of several inputs have one name, all are named by their path below a common folder."""
    sources = [i.source for i in inputs if i.still]
    if len(sources) > 1:
        from sightline.sources.images import ImageSource, name_below_common_folder

        name_below_common_folder([s for s in sources if isinstance(s, ImageSource)])


def _listed_pictures(spec: str) -> list[Path] | None:
    """The pictures that a text file lists; None of anything else, and of a list of other sources."""
    from sightline.sources.images import IMAGE_SUFFIXES
    from sightline.sources.lists import is_list, listed

    if not is_list(spec):
        return None
    paths = [Path(line) for line in listed(Path(spec))]
    alone = all(p.suffix.lower() in IMAGE_SUFFIXES and p.is_file() for p in paths)
    return paths if alone else None


def _expanded(spec: str) -> list[str]:
    """The sources that a list or a glob of videos stands for; anything else is itself.

    Those of a glob are in natural order.
    """
    from sightline.sources.images import IMAGE_SUFFIXES, glob_paths, natural_key
    from sightline.sources.lists import is_list, listed

    if is_list(spec):
        lines = [] if _listed_pictures(spec) else listed(Path(spec))
        return list(itertools.chain(*map(_expanded, lines))) if lines else [spec]
    if "://" in spec or not any(c in spec for c in "*?[") or Path(spec).exists():
        return [spec]
    found = [path for path in glob_paths(spec) if path.is_file()]
    videos = [str(path) for path in found if path.suffix.lower() not in IMAGE_SUFFIXES]
    return [spec] if len(videos) < len(found) or not found else sorted(videos, key=natural_key)


def dated(source: Source, start: datetime) -> Source:
    """A recording whose frames have wall-clock time, from the moment at which it was begun."""
    from sightline.sources.dated import DatedSource

    return DatedSource(source, start)


def _check_word(spec: str) -> None:
    """Raise ConfigError for an empty word, and for what no file system takes as a path."""
    if not spec.strip():
        raise ConfigError(
            "source: it is empty: give a file, an address, a camera's number, a folder or street://"
        )
    try:
        possible_path(spec)
    except ValueError as exc:
        raise ConfigError(f"source: {exc}") from exc


def _check_times(spec: str, kind: str, fps: float | None, start: datetime | None) -> None:
    """Raises ConfigError where a source cannot have this frame rate or this first moment."""
    if fps is not None and kind != "images":
        raise ConfigError(
            f"fps: {redact(spec)} has a frame rate of its own: only pictures are given one"
        )
    if start is None:
        return
    may_be_file = kind == "url" and spec.lower().startswith(("http://", "https://"))
    if kind in LIVE and not may_be_file:
        raise ConfigError(
            f"start: {redact(spec)} is live: its frames have the time at which they come"
        )
    if kind == "images" and fps is None:
        raise ConfigError(
            f"start: {redact(spec)} is pictures, which have no time: give fps too where they are a film"
        )


def _is_endless(street: str) -> bool:
    from sightline.sources.street.options import StreetOptions

    options = StreetOptions.from_url(street)
    return options.live or options.frames is None


def _stream_name(spec: str, kind: str) -> str:
    if kind in _KINDS.values():
        return kind
    if kind == "url":
        try:
            address = read_address(spec)
        except ValueError:
            return "stream"  # opening it tells what is wrong
        return Path(address.path).stem or address.host
    if kind == "camera":
        return f"camera-{spec}" if spec.isdecimal() else Path(spec).name
    return Path(spec).stem if kind in {"file", "sdp"} else spec

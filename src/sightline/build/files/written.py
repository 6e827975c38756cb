"""What a run has written: the files of its outputs that are new or have changed since it began."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sightline.build.files.uses import FileUse, stream_uses, written
from sightline.build.sources import source_kind
from sightline.config import Configuration

_State = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, and size."""


@dataclass(frozen=True)
class WrittenOutput:
    """One output: the flag or option, the file or the folder, and what the run wrote there."""

    what: str
    path: str
    files: int
    size: int
    is_folder: bool

    def __str__(self) -> str:
        many = f"{self.files} file{'s' if self.files != 1 else ''}, " if self.is_folder else ""
        return f"{self.what}: {self.path} ({many}{size_in_words(self.size)})"


class WrittenFiles:
    """Compares the files of outputs with what they were when this was made, before the run.

    Args:
        uses: the files that the outputs may write.
    """

    def __init__(self, uses: Iterable[FileUse]) -> None:
        self._uses = tuple(dict.fromkeys(uses))
        self._before = {use: {state for _, state in _states(use)} for use in self._uses}

    def found(self) -> list[WrittenOutput]:
        """What was written, in the order of the outputs. An output that wrote nothing is left out.

        A file is told once: ``gate-2.mp4`` is that of a stream ``gate-2``, and what a stream ``gate`` takes
        where its own may not be overwritten.
        """
        found: list[WrittenOutput] = []
        told: set[str] = set()
        for use in self._uses:
            new = [
                (path, state[2]) for path, state in _states(use) if state not in self._before[use]
            ]
            if use.pattern and new:
                size = sum(size for _, size in new)
                found.append(WrittenOutput(use.what, use.path, len(new), size, is_folder=True))
            elif not use.pattern:
                found += [
                    WrittenOutput(use.what, path, 1, size, is_folder=False)
                    for path, size in new
                    if path not in told
                ]
                told |= {path for path, _ in new}
        return found


def of_configuration(configuration: Configuration) -> Iterator[FileUse]:
    """The files that the streams of a configuration may write."""
    for name, stream in configuration.streams.items():
        still = source_kind(stream.source) == "images" and stream.fps is None
        for use in written(stream.outputs, name, still=still, at=("outputs",)):
            # Streams that share a file are one line.
            yield FileUse(use.path, use.what, pattern=use.pattern, below=use.below)


def written_folders(configuration: Configuration) -> list[Path]:
    """The folders that a configuration's streams and history write to, and the system's own: their disks fill up."""
    streams = configuration.streams.items()
    uses = [use for name, one in streams for use in stream_uses(name, one, ())[1]]
    paths = [use.path for use in uses]
    if configuration.history is not None:
        paths.append(configuration.history.database)
    files = [Path(path).absolute() for path in paths if "://" not in path and path != "-"]
    return [*dict.fromkeys(file.parent for file in files), Path("/")]


def size_in_words(size: int) -> str:
    """``0 bytes``, ``12.3 kB``, ``2.50 MB``."""
    if size < 1000:
        return f"{size} byte{'s' if size != 1 else ''}"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.2f} MB"


def _states(use: FileUse) -> Iterator[tuple[str, _State]]:
    """The files of an output that are there, and how they are."""
    if use.pattern:
        names = re.compile(use.pattern)
        for entry in _entries(use.path, below=use.below):
            if names.fullmatch(entry.name) and (state := _state(entry.path)):
                yield entry.path, state
        return
    path, number = Path(use.path), 2
    first = _state(path)
    if first:
        yield use.path, first
    # Where a file may not be overwritten, the next one that is free is taken.
    while state := _state(path.with_stem(f"{path.stem}-{number}")):
        yield str(path.with_stem(f"{path.stem}-{number}")), state
        number += 1


def _entries(folder: str, *, below: bool) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if below and entry.is_dir(follow_symlinks=False):
                    yield from _entries(entry.path, below=True)
                else:
                    yield entry
    except OSError:  # there is no such folder (yet), or it may not be read
        return


def _state(path: str | Path) -> _State | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - quicker than Path.stat, and asked for often
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size

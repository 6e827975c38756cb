"""Outputs: the sinks of a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sightline.build.file_identity import Key, file_keys
from sightline.build.sources import SourceInput
from sightline.config import OutputOptions, StreamOptions
from sightline.config.paths import path_fields
from sightline.errors import ConfigError
from sightline.protocols import Rotating, Sink
from sightline.sinks.files import (
    PICTURE_SUFFIXES,
    file_suffix,
    free_path,
    is_picture,
    stream_file,
)
from sightline.tables import load
from sightline.types import RunState
from sightline.whole_files import is_folder, safe_name

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm"}
"""Of video files that can be written (``sinks.video.SUFFIXES``, without loading PyAV)."""

TEXTS = {"json_lines": "jsonl:JsonLinesSink", "csv": "csv_:CsvSink"}
"""Outputs in lines, which several streams may write to one file."""

LOCK_TIMEOUT_S = 5.0
"""For a database of a live stream, which tries again anyway and says what it waits for."""


class Outputs:
    """The sinks of a run: some are shared by all streams, some belong to one.

    ``state`` is how the run ended ("done", "failed", "interrupted"); databases keep it.
    """

    def __init__(self) -> None:
        self.state: RunState = (
            "failed"  # unless it is told otherwise, a run that closes was cut off
        )
        self._sinks: list[tuple[Sink, SourceInput | None, bool | None]] = []
        self._databases: list[Any] = []

    def add(
        self, sink: Sink, only: SourceInput | None = None, *, still: bool | None = None
    ) -> None:
        """Take a sink for all streams, for one, or for those that are (or are not) unrelated pictures."""
        self._sinks.append((sink, only, still))

    def add_database(self, sink: Any, only: SourceInput | None = None) -> None:
        """Take a sink that keeps how the run ended."""
        self._databases.append(sink)
        self.add(sink, only)

    def sinks(self, stream: SourceInput) -> list[Sink]:
        """Those of one stream."""
        return [
            sink
            for sink, only, still in self._sinks
            if (only is None or only is stream) and still in {None, stream.still}
        ]

    def reopen(self) -> None:
        """Let go of all files, and go on with those at the paths. From any thread or signal."""
        for sink, _, _ in tuple(self._sinks):
            if isinstance(sink, Rotating):
                sink.reopen()

    def close(self) -> None:
        """Close every sink; the first failure is raised after all were closed."""
        for database in self._databases:
            database.state = self.state
        with ExitStack() as stack:
            for sink, _, _ in reversed(self._sinks):
                stack.callback(sink.close)


def outputs(
    options: OutputOptions,
    run: Mapping[str, Any],
    inputs: Sequence[SourceInput],
    joined: Collection[str] = (),
) -> Outputs:
    """The sinks that options describe, for these inputs.

    Args:
        run: goes into the database.
        joined: text files that other streams write to as well, begun by whoever knows of all.

    Raises:
        ConfigError: pictures cannot go where they are sent.
    """
    made = Outputs()
    append = options.append and all(i.live for i in inputs)  # a recording is read from its start
    if options.append and not append:
        log.warning(
            "%s: `append` is for cameras; what is read from its start is written anew",
            ", ".join(i.name for i in inputs),
        )
    marks = path_fields(OutputOptions)

    def targets(name: str) -> list[tuple[str, SourceInput | None]]:
        """The file for all inputs, or where a folder is meant one for each of them."""
        path = getattr(options, name)
        if path is None:
            return []
        if path == "-" or "://" in path or not is_folder(path):
            return [(path, None)]
        return [(str(stream_file(path, i.name, marks[name].suffix)), i) for i in inputs]

    for kind, sink in TEXTS.items():
        for path, only in targets(kind):
            target = sys.stdout if path == "-" else path
            how = {"join": True} if path in joined else {"append": append}
            made.add(load(f"sightline.sinks.{sink}")(target, **how), only)
    for path, only in targets("coco"):
        coco = free_path(Path(path)) if append else path
        made.add(load("sightline.sinks.coco:CocoSink")(coco), only)
    if options.mot is not None:
        mot = _new_file(options.mot, inputs, ".txt") if append else options.mot
        made.add(load("sightline.sinks.mot:MotSink")(mot))
    _add_folders(made, options, inputs, append=append)
    for path, only in targets("database"):
        lasts = any(i.live for i in inputs)
        patience = {"patient": True, "lock_timeout_s": LOCK_TIMEOUT_S} if lasts else {}
        made.add_database(
            load("sightline.sinks.database:DatabaseSink")(path, run, **patience), only
        )
    if options.show:
        made.add(load("sightline.sinks.window:WindowSink")("Sightline"))
    if options.annotated is not None:
        _add_annotated(made, options, inputs, append=append)
    return made


def joined_files(streams: Mapping[str, StreamOptions]) -> dict[str, bool]:
    """Text files that several streams write to, and whether what is in them stays."""
    writers: dict[Key, list[tuple[str, StreamOptions]]] = {}
    for stream in streams.values():
        for name in TEXTS:
            path = getattr(stream.outputs, name)
            if path is not None and path != "-" and not is_folder(path):
                for key in file_keys(path):
                    writers.setdefault(key, []).append((path, stream))
    found: dict[str, bool] = {}
    for same in writers.values():
        if len(same) > 1:
            append = any(stream.outputs.append for _, stream in same)
            found |= dict.fromkeys((path for path, _ in same), append)
    return found


def _add_folders(
    made: Outputs, options: OutputOptions, inputs: Sequence[SourceInput], *, append: bool
) -> None:
    """Outputs that are a folder with many files. Raises ConfigError: one is named like a file."""
    for path, flag in ((options.yolo_txt, "--yolo-txt"), (options.crops, "--crops")):
        if path is not None and file_suffix(path):
            raise ConfigError(
                f"{flag} {path}: it is a folder with many files: give {Path(path).with_suffix('')}/, or "
                f"{path}/ for a folder of that very name"
            )
    if options.yolo_txt is not None:
        how = {"scores": options.yolo_scores, "append": append}
        made.add(load("sightline.sinks.yolo_txt:YoloTxtSink")(options.yolo_txt, **how))
    if options.crops is not None:
        sink = load("sightline.sinks.crops:CropSink")(
            options.crops,
            per_track=options.crops_per_track,
            every=options.crops_every,
            append=append,
            pictures=_pictures_name(inputs),
        )
        made.add(sink)


def _pictures_name(inputs: Sequence[SourceInput]) -> str:
    """A folder's name for all pictures: that of their only source, where it is a plain one."""
    name = Path(inputs[0].name)
    stem = name.stem if is_picture(name) else name.name
    return stem if len(inputs) == 1 and safe_name(stem) == stem else "pictures"


def _add_annotated(
    made: Outputs, options: OutputOptions, inputs: Sequence[SourceInput], *, append: bool
) -> None:
    path = options.annotated
    assert path is not None
    videos = sum(not i.still for i in inputs)
    suffix = file_suffix(path)
    if videos > 1 and not is_folder(path):
        raise ConfigError(f"--output {path}: {videos} videos go to a folder: {path}/")
    if videos and suffix and suffix not in VIDEO_SUFFIXES:
        raise _no_such_kind(path, "video", VIDEO_SUFFIXES)
    if videos < len(inputs) and suffix in VIDEO_SUFFIXES:
        raise ConfigError(f"--output {path}: pictures go to a folder")
    if not videos and suffix and not is_picture(path):
        raise _no_such_kind(path, "picture", PICTURE_SUFFIXES)
    if videos:
        film = _new_file(path, inputs, ".mp4") if append else path
        sink = load("sightline.sinks.video:VideoSink")(film, show_fps=options.show_fps)
        made.add(sink, still=False)
    if videos < len(inputs):
        made.add(load("sightline.sinks.images:ImageSink")(path), still=True)


def _no_such_kind(path: str, what: str, suffixes: Collection[str]) -> ConfigError:
    """The error for a suffix that no file is written with; it names the one that was meant."""
    suffix = file_suffix(path)
    swapped = [one for one in sorted(suffixes) if sorted(one) == sorted(suffix)]
    near = swapped or get_close_matches(suffix, sorted(suffixes), 1, 0.6)
    use = (
        f"did you mean {Path(path).with_suffix(near[0])}?"
        if near
        else f"use {', '.join(sorted(suffixes))}, or"
    )
    folder = f" A folder of that name is {path}/" if near else f" a folder: {path}/"
    return ConfigError(
        f"--output {path}: {suffix} is no kind of {what} that is written: {use}{folder}"
    )


def _new_file(path: str, inputs: Sequence[SourceInput], suffix: str) -> Path:
    """One beside those that are there: their format cannot be gone on with."""
    (only,) = inputs
    return free_path(stream_file(path, only.name, suffix))

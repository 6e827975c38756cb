"""Outputs: the sinks of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sightline.build.sources import Input
from sightline.build.tables import load
from sightline.config import OutputOptions
from sightline.errors import ConfigError
from sightline.protocols import Sink
from sightline.sinks.files import free_path, is_folder, output_path
from sightline.types import RunState

VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm"}


class Outputs:
    """The sinks of a run: some shared by all streams, one kind for videos, one for pictures.

    ``state`` is how the run ended ("done", "failed", "interrupted"); the database keeps it.
    """

    def __init__(
        self, shared: Sequence[Sink], video: Sink | None, images: Sink | None, database: Any
    ) -> None:
        self.state: RunState = (
            "failed"  # unless it is told otherwise, a run that closes was cut off
        )
        self._shared, self._video, self._images, self._database = shared, video, images, database

    def sinks(self, *, still: bool) -> list[Sink]:
        """Those of one stream."""
        annotated = self._images if still else self._video
        return [*self._shared, *([annotated] if annotated is not None else [])]

    def close(self) -> None:
        """Close every sink; the first failure is raised after all were closed."""
        if self._database is not None:
            self._database.state = self.state
        with ExitStack() as stack:
            for sink in (*self._shared, self._video, self._images):
                if sink is not None:
                    stack.callback(sink.close)


LOCK_TIMEOUT_S = 5.0
"""For a database of a live stream, which tries again anyway and says what it waits for."""


def outputs(options: OutputOptions, run: Mapping[str, Any], inputs: Sequence[Input]) -> Outputs:
    """The sinks that options describe, for these inputs; ``run`` goes into the database.

    Raises:
        ConfigError: pictures cannot go where they are sent.
    """
    shared: list[Sink] = []
    append = options.append and all(i.live for i in inputs)  # a recording is read from its start
    if options.json_lines is not None:
        target = sys.stdout if options.json_lines == "-" else options.json_lines
        shared.append(load("sightline.sinks.jsonl:JsonLinesSink")(target, append=append))
    if options.csv is not None:
        shared.append(load("sightline.sinks.csv_:CsvSink")(options.csv, append=append))
    if options.coco is not None:
        coco = free_path(options.coco) if append else options.coco
        shared.append(load("sightline.sinks.coco:CocoSink")(coco))
    if options.mot is not None:
        mot = _new_file(options.mot, inputs, ".txt") if append else options.mot
        shared.append(load("sightline.sinks.mot:MotSink")(mot))
    database = None
    if options.database is not None:
        lasts = any(i.live for i in inputs)
        patience = {"patient": True, "lock_timeout_s": LOCK_TIMEOUT_S} if lasts else {}
        database = load("sightline.sinks.database:DatabaseSink")(options.database, run, **patience)
        shared.append(database)
    if options.show:
        shared.append(load("sightline.sinks.window:WindowSink")("Sightline"))
    video = images = None
    if options.annotated is not None:
        rate = {"show_fps": options.show_fps}
        videos = sum(not i.still for i in inputs)
        if videos > 1 and not is_folder(options.annotated):
            raise ConfigError(
                f"--output {options.annotated}: {videos} videos go to a folder: "
                f"{options.annotated}/"
            )
        if videos:
            path = _new_file(options.annotated, inputs, ".mp4") if append else options.annotated
            video = load("sightline.sinks.video:VideoSink")(path, **rate)
        if any(i.still for i in inputs):
            if Path(options.annotated).suffix.lower() in VIDEO_SUFFIXES:
                raise ConfigError(f"--output {options.annotated}: pictures go to a folder")
            images = load("sightline.sinks.images:ImageSink")(options.annotated)
    return Outputs(shared, video, images, database)


def _new_file(path: str, inputs: Sequence[Input], suffix: str) -> Path:
    """One beside those that are there: their format cannot be gone on with."""
    (only,) = inputs
    return free_path(output_path(path, only.name, suffix))

"""Annotated pictures: one file per frame, or the one picture of a run."""

from __future__ import annotations

import threading
from pathlib import Path, PurePath
from typing import Literal

from sightline.errors import SinkError
from sightline.imaging.drawing import Annotator
from sightline.imaging.picture_files import encoded
from sightline.sinks.files import is_picture
from sightline.types import Observation, StreamInfo
from sightline.whole_files import OutputGuard, is_folder, safe_name, writable_folder, write_whole


class ImageSink:
    """Writes ``STREAM-000012.jpg`` for frame 12 of each stream, ``PICTURE-000012.jpg`` for pictures.

    Args:
        path: the folder, made where it is missing; files in it are overwritten. A name that ends
            in .jpg, .jpeg or .png is that very file, for one picture.
        kind: ``jpg`` or ``png``, of the files in a folder.
        quality: of JPEG, 1 to 100.

    The frame's number is always in the name, so a picture that was read from the same folder is
    never overwritten by its annotated copy. Whole files only, also after a kill. Safe to share
    between streams; each stream comes from one thread.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        kind: Literal["jpg", "png"] = "jpg",
        quality: int = 90,
        guard: OutputGuard | None = None,
    ) -> None:
        one = is_picture(path) and not is_folder(path)
        self._file = Path(path) if one else None
        self._directory = Path(path).parent if one else Path(path)
        self._suffix = Path(path).suffix.lower() if one else f".{kind}"
        self._quality = quality
        self._guard = guard
        self._lock = threading.Lock()
        self._annotators: dict[str, Annotator] = {}
        self._pictures: Annotator | None = None
        self._names: set[str] = set()
        self._written = False

    def open(self, stream: StreamInfo) -> None:
        """Make the folder. Raises SinkError."""
        with self._lock:
            writable_folder(self._directory)
            if stream.still:
                self._pictures = Annotator(traces=False)
            else:
                self._annotators[stream.name] = Annotator()

    def write(self, observation: Observation) -> None:
        """Draw one frame and write its file. Raises SinkError."""
        frame = observation.frame
        annotator = self._annotators.get(frame.stream)
        if annotator is not None:
            name = f"{safe_name(frame.stream)}-{frame.index:06d}"
        else:
            # A picture of a still stream: it carries its own name, which others may have too.
            annotator = self._pictures
            picture = str(PurePath(frame.stream).with_suffix(""))
            name = self._unused(f"{safe_name(picture)}-{frame.index:06d}")
        if self._file is not None:
            name = self._only(self._file)
        if annotator is None:
            raise SinkError(f"cannot write {self._directory}: {frame.stream} was not opened")
        path = self._directory / f"{name}{self._suffix}"
        try:
            data = encoded(annotator.annotate(observation), self._suffix, self._quality)
        except SinkError as exc:
            raise SinkError(f"cannot write {path}: {exc}") from exc
        write_whole(path, data, guard=self._guard)

    def close(self) -> None:
        """Nothing is left to do: every file is whole already."""

    def _only(self, file: Path) -> str:
        with self._lock:
            if self._written:
                raise SinkError(
                    f"cannot write a second picture to {file}: give a folder instead: {file.stem}/"
                )
            self._written = True
        return file.stem

    def _unused(self, name: str) -> str:
        with self._lock:
            unused, count = name, 1
            while unused in self._names:
                count += 1
                unused = f"{name}-{count}"
            self._names.add(unused)
            return unused

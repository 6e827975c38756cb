"""Pictures: one, a list, a folder or a glob; and decoding of what came as bytes."""

from __future__ import annotations

import fnmatch
import glob
import io
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from sightline.errors import ConfigError, DecodeError, SourceError
from sightline.foreign_files.mistaken import HEAD_BYTES
from sightline.media_suffixes import PICTURES, UNREAD_PICTURES, VIDEOS
from sightline.sources.display_shape import DisplayMatrix
from sightline.sources.image_header import (
    ImageHeader,
    check_header,
    is_animation,
    picture_content,
)
from sightline.sources.jpeg import decode_jpeg
from sightline.sources.pictures import ArrayPicture, Scalers, VideoPicture
from sightline.types import Frame, Pixels, SourceState, SourceStatus, StreamInfo

LIMIT_PIXELS = 100_000_000
REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}
"""OpenCV's flags by how many times smaller a picture is decoded, the smallest picture first."""
IMAGE_SUFFIXES = PICTURES
MOST_FPS = 1000
"""Pictures of a film in a second, at most."""

_NAMED_FAILURES = 3
_NUMBERED = re.compile(r"%(0?\d*)d")
"""As FFmpeg and OpenCV number the pictures of a film: ``frame-%05d.jpg``."""

log = logging.getLogger(__name__)


def decode_image(data: bytes, limit_pixels: int = LIMIT_PIXELS, name: str = "picture") -> Pixels:
    """Decode a JPEG, PNG, WebP, BMP or TIFF file that is in memory.

    Its size is read from the header first, so that a picture of more than ``limit_pixels`` costs
    no memory. EXIF orientation is honoured, transparency is dropped, 16 bits become 8.

    Returns:
        (height, width, 3) uint8, BGR.

    Raises:
        DecodeError: it is none of these, is too large, or is damaged; ``name`` stands before it.
    """
    header = check_header(data, limit_pixels, name)
    pixels = decode_reduced(data, header, 1)
    # The last decoder says what is wrong.
    if pixels is None:
        return _last_decoder(data, header.format, limit_pixels, name)
    return pixels


def decode_reduced(data: bytes, header: ImageHeader, step: int) -> Pixels | None:
    """Decode at one ``step``-th of the size (a key of ``REDUCED``; more than 1 is for JPEG only).

    None where these decoders give up: the last one must have its turn.
    """
    if header.format == "JPEG" and (pixels := decode_jpeg(data, header, step)) is not None:
        return pixels
    try:
        decoded: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[step])
    except cv2.error:
        return None
    return decoded


def read_image(
    path: str | Path, limit_pixels: int = LIMIT_PIXELS, *, again: bool = False
) -> Pixels:
    """Read and decode a picture file: ``decode_image`` of what it holds.

    ``again`` says that it was read before: then there is no second warning of an animation.

    Raises:
        SourceError: the file is not there or may not be read.
        DecodeError: see ``decode_image``.
    """
    try:
        data = picture_content(Path(path))
    except OSError as exc:
        raise SourceError(f"{path} cannot be read: {exc.strerror}: check the path") from exc
    if not again and is_animation(data):
        log.warning(
            "%s is an animation, of which the first picture is read: convert it to a GIF or a video, and "
            "track it, to have all", path,
        )  # fmt: skip
    return decode_image(data, limit_pixels, str(path))


def is_film(path: Path) -> bool:
    """Whether a picture file is an animated PNG, which FFmpeg plays as a video. Of WebP it cannot."""
    if path.suffix.lower() != ".png":
        return False
    try:
        with path.open("rb") as file:
            return is_animation(file.read(HEAD_BYTES))
    except OSError:
        return False  # opening it tells what is wrong


def _last_decoder(data: bytes, kind: str, limit_pixels: int, name: str) -> Pixels:
    import av

    demuxer = f"{kind.lower()}_pipe"
    # It also reads pictures that contradict their headers, and believes what comes last.
    options = {"max_pixels": str(limit_pixels)}
    try:
        with av.open(io.BytesIO(data), mode="r", format=demuxer, options=options) as file:
            file.streams.video[0].codec_context.options = options
            frame = next(file.decode(video=0))
            picture = VideoPicture(frame, Scalers(), orientation=DisplayMatrix().of(frame))
            return picture.scaled(picture.width, picture.height, "bgr")
    except (av.FFmpegError, StopIteration, ValueError, IndexError) as exc:
        raise DecodeError(f"{name} is a damaged {kind}: copy it again ({exc})") from exc


class ImageSource:
    """Pictures as a source: a file, several, all of a folder, or what a glob matches.

    Args:
        where: a path, a folder (its pictures in natural order, without sub-folders), a glob, or
            a list of paths.
        name: of the source; the name of the file or folder by default.
        fps: the pictures are the frames of a film at this rate. Otherwise each stands for itself
            and ``Frame.stream`` is its path below what was given.
        limit_pixels: larger pictures are refused before they are decoded.

    Raises:
        ConfigError: ``fps`` is no rate.
        SourceError: there are no pictures.

    A picture that cannot be decoded is counted (``corrupt``, or ``unreadable``) and left out;
    after the last one DecodeError names them.
    """

    def __init__(
        self,
        where: str | Path | Sequence[str | Path],
        name: str | None = None,
        *,
        fps: float | None = None,
        limit_pixels: int = LIMIT_PIXELS,
    ) -> None:
        if fps is not None and not 0 < fps <= MOST_FPS:
            raise ConfigError(f"fps: it must be more than 0 and at most {MOST_FPS}, not {fps:g}")
        self._paths, below = picture_paths(where)
        if isinstance(where, str | Path) and Path(where).is_dir():
            for what in _left_out(Path(where)):
                log.warning("%s: %s", where, what)
        single = self._paths[0].stem if len(self._paths) == 1 else ""
        self._name = name or single or below.name or "pictures"
        self._below = below
        self._fps = fps
        self._limit_pixels = limit_pixels
        self._lock = Lock()
        self._first: tuple[int, Pixels] | None = None
        self._info: StreamInfo | None = None
        self._state = SourceState.CONNECTING
        self._error: str | None = None
        self._iterated = False
        self._handed = 0
        self._failures: list[SourceError] = []

    def __len__(self) -> int:
        """How many pictures there are, those that cannot be read included."""
        return len(self._paths)

    @property
    def paths(self) -> list[Path]:
        """The file of each picture."""
        return list(self._paths)

    @cached_property
    def names(self) -> list[str]:
        """What each picture is called: its path below what was given."""
        return [str(path.relative_to(self._below)) for path in self._paths]

    def name_below(self, folder: Path) -> None:
        """Call the pictures by their paths below a folder that all of them are in."""
        paths = (Path(os.path.abspath(path)) for path in self._paths)  # noqa: PTH100 - links stay
        self.names = [str(path.relative_to(folder)) for path in paths]

    @property
    def folder(self) -> Path:
        """The absolute path of the folder that all pictures are in."""
        return Path(os.path.abspath(self._below))  # noqa: PTH100 - links stay

    def open(self) -> StreamInfo:
        """Decode the first good picture; it stands for the size of all. Repeated, says the same.

        Raises:
            SourceError: no picture can be read, or the source is closed.
            DecodeError: no picture can be decoded.
        """
        with self._lock:
            if self._state in (SourceState.ENDED, SourceState.FAILED):
                raise SourceError(f"{self._name} is {self._state}: make a new ImageSource")
            if self._info is None:
                self._first = self._read_from(0)
                if self._first is None:
                    raise self._fail()
                height, width = self._first[1].shape[:2]
                self._info = StreamInfo(
                    self._name,
                    width,
                    height,
                    fps=self._fps,
                    frames=len(self._paths),
                    still=self._fps is None,
                )
                self._state = SourceState.RUNNING
            return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield the good pictures in order.

        Raises:
            DecodeError: after the last one, where there were others; it names the first of them.
        """
        self.open()
        if self._iterated:
            raise SourceError(f"{self._name} was read already: make a new ImageSource")
        self._iterated = True
        found = self._first
        while found is not None and self._state is SourceState.RUNNING:
            at, pixels = found
            self._handed += 1
            if self._fps is None:
                stream, now = self.names[at], 0.0
            else:
                stream, now = self._name, at / self._fps
            yield Frame(stream, at, now, time.monotonic(), ArrayPicture(pixels))
            found = self._read_from(at + 1)
        with self._lock:
            if self._failures and self._state is SourceState.RUNNING:
                raise self._fail()
        self.close()

    @property
    def status(self) -> SourceStatus:
        """Pictures read and dropped: ``corrupt`` and ``unreadable``."""
        dropped = Counter(
            "corrupt" if isinstance(error, DecodeError) else "unreadable"
            for error in tuple(self._failures)
        )
        return SourceStatus(
            self._state,
            read=self._handed + dropped.total(),
            dropped=dict(dropped),
            error=self._error,
        )

    def close(self) -> None:
        """An iteration in another thread ends with the picture it has. Idempotent."""
        with self._lock:
            self._first = None
            if self._state is not SourceState.FAILED:
                self._state = SourceState.ENDED

    def _read_from(self, at: int) -> tuple[int, Pixels] | None:
        """The next good picture and its place in the list; None after the last."""
        for place in range(at, len(self._paths)):
            try:
                return place, read_image(self._paths[place], self._limit_pixels)
            except SourceError as exc:
                self._failures.append(exc)
                # The error after the last picture names the first of them: each is said once.
                named = len(self._failures) <= _NAMED_FAILURES
                log.log(logging.INFO if named else logging.WARNING, "%s", exc)
        return None

    def _fail(self) -> SourceError:
        error = self._failures[0]
        if len(self._paths) > 1:
            named = "; ".join(str(failure) for failure in self._failures[:_NAMED_FAILURES])
            more = "; ..." if len(self._failures) > _NAMED_FAILURES else ""
            error = DecodeError(
                f"{len(self._failures)} of {len(self._paths)} pictures were left out: {named}{more}"
            )
        self._state, self._error = SourceState.FAILED, str(error)
        return error


def name_below_common_folder(sources: Sequence[ImageSource]) -> None:
    """Where pictures of two sources have one name, call those of all by their paths below one folder."""
    names = [name for source in sources for name in source.names]
    if len(set(names)) < len(names):
        common = Path(os.path.commonpath([source.folder for source in sources]))
        for source in sources:
            source.name_below(common)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts ``2.jpg`` before ``10.jpg``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def picture_paths(where: str | Path | Sequence[str | Path]) -> tuple[list[Path], Path]:
    """The files that are meant, and the folder that they lie below. Raises SourceError: there are none."""
    if not isinstance(where, str | Path):
        paths = [Path(item) for item in where]
    elif Path(where).is_dir():
        paths = [p for p in Path(where).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        paths.sort(key=lambda path: natural_key(path.name))
    elif (numbered := _NUMBERED.search(Path(where).name)) and not Path(where).exists():
        paths = _sequence(Path(where), numbered)
    elif glob.has_magic(str(where)) and not Path(where).exists():
        paths = [path for path in glob_paths(str(where)) if path.is_file()]
        paths.sort(key=lambda path: natural_key(str(path)))
    else:
        paths = [Path(where)]
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        left_out = ""
        if isinstance(where, str | Path) and Path(where).is_dir():
            left_out = "".join(f"; {what}" for what in _left_out(Path(where)))
        elif isinstance(where, str | Path):
            left_out = _in_other_case(str(where))
        raise SourceError(
            f"no pictures at {where}: give files, a folder or a glob of {kinds}{left_out}"
        )
    if len({path.is_absolute() for path in paths}) > 1:
        paths = [path.absolute() for path in paths]
    return paths, Path(os.path.commonpath([path.parent for path in paths]))


def _in_other_case(pattern: str) -> str:
    """What a glob would have found, did it not tell ``.jpg`` from ``.JPG``."""
    alike = re.compile(fnmatch.translate(Path(pattern).name), re.IGNORECASE)
    beside = (p for p in Path(pattern).parent.glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    found = [path for path in beside if alike.match(path.name)]
    return f"; {min(found)} fits but for capital letters, which count" if found else ""


def _left_out(folder: Path) -> Iterator[str]:
    """What lies in a folder and is not read, though somebody may expect it."""
    suffixes = Counter(os.path.splitext(name)[1].lower() for name in os.listdir(folder))  # noqa: PTH122, PTH208 - many, quickly
    for known, remedy in (
        (UNREAD_PICTURES, "pictures of other kinds are left out: convert them to JPEG or PNG"),
        (VIDEOS, f"videos are left out: give them as '{folder / '*'}{{}}'"),
    ):
        found = {suffix: suffixes[suffix] for suffix in sorted(suffixes) if suffix in known}
        if found:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in found.items())
            yield f"{kinds}: {remedy.format(next(iter(found)))}"


def glob_paths(pattern: str) -> list[Path]:
    """What a glob matches. Folders that are there by these very names are no pattern: ``cam[1]/*.jpg``."""
    parts = Path(pattern).parts
    there = 0
    while there < len(parts) - 1 and Path(*parts[: there + 1]).is_dir():
        there += 1
    folder = glob.escape(str(Path(*parts[:there]))) if there else ""
    # Path.glob() takes no absolute pattern.
    found = glob.glob(os.path.join(folder, *parts[there:]), recursive=True)  # noqa: PTH118, PTH207
    return [Path(path) for path in found]


def is_numbered(where: str) -> bool:
    """Whether a path is a pattern such as ``%05d.jpg``, which stands for many pictures."""
    return _NUMBERED.search(Path(where).name) is not None and not Path(where).exists()


def _sequence(pattern: Path, numbered: re.Match[str]) -> list[Path]:
    """The pictures that a pattern stands for, by their numbers; gaps are left out."""
    before, after = pattern.name[: numbered.start()], pattern.name[numbered.end() :]
    digits = numbered[1]
    number = rf"\d{{{int(digits)},}}" if digits.startswith("0") and int(digits) else r"\d+"
    name = re.compile(re.escape(before.replace("%%", "%")) + f"({number})" + re.escape(after))
    found = [
        (int(match[1]), path)
        for path in (pattern.parent.iterdir() if pattern.parent.is_dir() else ())
        if (match := name.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]

"""The files that options mean: what sources, models and streams read, and what outputs write.

Which options are files, and what for, stands in their types (``config.paths``). Which of them must not be the same
is said in ``conflicts``.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sightline.build.files.identity import STDOUT, local_path
from sightline.build.model_files import PEOPLE, located
from sightline.config import EstimateAccuracyOptions, ModelOptions, OutputOptions, StreamOptions
from sightline.config.options import Loc
from sightline.config.outputs import ChosenOutput
from sightline.errors import SightlineError
from sightline.redaction import redact
from sightline.tables import SINKS, flag_of
from sightline.whole_files import safe_name

_ONNX_LOCATION = re.compile(rb"\x0a\x08location\x12(.)(.{1,255})", re.DOTALL)
"""How ONNX (a protobuf) names a file of weights: key `location`, then the name with its length."""


@dataclass(frozen=True)
class FileUse:
    """A file that is read or written.

    Args:
        path: as it was given; ``-`` is standard output.
        what: what an error calls it: ``--csv``, ``the model default``.
        at: the option's place in a configuration.
        shared: writers with the same word may share one file.
        pattern: not the file ``path`` but all in this folder whose names match.
        below: those in the folders of this folder too.
    """

    path: str
    what: str
    at: Loc = ()
    shared: str = ""
    pattern: str = ""
    below: bool = False
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return redact(self.text or self.path)


def written(
    options: OutputOptions, stream: str, *, still: bool, at: Loc = (), whose: str = ""
) -> Iterator[FileUse]:
    """The files that the outputs of one stream write to.

    Args:
        at: the place of ``options`` in a configuration; without it, outputs are called by their flags.
        whose: goes before what an error calls them.
    """
    for output in options.chosen():
        path = local_path(output.path)
        if not path:
            continue
        what = f"{whose}{output.kind}" if at else flag_of(output.kind)
        place = (*at, output.kind) if at else ()
        use = FileUse("", what, place, text=output.path)
        yield from _files(path, output, stream, use, still=still)


def _files(
    path: str, output: ChosenOutput, stream: str, use: FileUse, *, still: bool
) -> Iterator[FileUse]:
    """The files that one output of one stream writes to, each as ``use`` with a path."""
    from sightline.sinks.files import is_picture, stream_file
    from sightline.whole_files import is_folder

    entry = output.entry
    shared = output.kind if entry.shared else ""
    if entry.pictures and still:
        one = is_picture(path) and not is_folder(path)
        yield replace(use, path=path, pattern="" if one else entry.pictures, text="")
    elif entry.takes == "folder":
        # Pictures of two streams may have one name.
        whose = "" if still else shared
        for name in entry.inside:
            yield replace(use, path=str(Path(path) / name), shared=whose, text="")
        for name, pattern, *option in entry.folders:
            if option and not output.options[option[0]]:
                continue
            yield replace(use, path=str(Path(path) / name), pattern=pattern, below=True, text="")
    else:
        if path != STDOUT and is_folder(path):
            path, use = str(stream_file(path, stream, entry.suffix)), replace(use, text="")
        yield replace(use, path=path, shared=shared)
        for suffix in entry.companions if path != STDOUT else ():
            yield replace(use, path=path + suffix, shared=shared, text="")


def read_by_source(spec: str, what: str) -> Iterator[FileUse]:
    """The files that a source reads: one, or all pictures of a folder or a glob."""
    from sightline.build.sources import source_kind

    path = local_path(spec)
    kind = source_kind(spec)
    if path is None or (kind == "camera" and spec.isdecimal()) or kind == "street":
        return
    if kind != "images":
        yield FileUse(path, what, text=spec)
        return
    from sightline.sources.images import picture_paths

    try:
        pictures = picture_paths(spec)[0]
    except SightlineError:  # there are none yet, which is said when the source is opened
        return
    for picture in pictures:
        yield FileUse(str(picture), what)


def read_by_model(options: ModelOptions, name: str = "") -> Iterator[FileUse]:
    """A model's file, and what lies beside it and belongs to it: weights, card and record."""
    if options.model == PEOPLE or options.engine.url is not None:
        return
    path = located(options)
    if path is None:  # there is no such file, which is said when it is opened
        return
    what = f"the model {name or options.model}"
    yield FileUse(str(path), what)
    yield FileUse(str(path.with_suffix(".yaml")), f"the card of {what}")
    beside = [path.with_suffix(suffix) for suffix in (".bin", ".json", ".data")]
    beside += [path.with_name(path.name + suffix) for suffix in (".data", "_data")]
    for file in [*beside, *_weights(path)]:
        if file.exists():  # else it is a name like any other
            yield FileUse(str(file), f"a part of {what}")


def _weights(path: Path) -> Iterator[Path]:
    """Files that an ONNX file names for its weights."""
    if path.suffix.lower() != ".onnx" or not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        names = {match[2][: match[1][0]] for match in _ONNX_LOCATION.finditer(content)}
    for name in names:
        yield path.parent / os.fsdecode(name)


def stream_uses(name: str, stream: StreamOptions, at: Loc) -> tuple[list[FileUse], list[FileUse]]:
    """What one stream reads and what it writes."""
    from sightline.build.sources import source_kind

    still = source_kind(stream.source) == "images" and stream.fps is None
    reads = list(read_by_source(stream.source, f"the source of stream {name}"))
    outputs = (*at, "outputs")
    uses = [*written(stream.outputs, name, still=still, at=outputs, whose=f"stream {name}: ")]
    if stream.drift is not None:
        path = str(stream.drift.reference)
        if os.path.lexists(path):
            reads.append(FileUse(path, f"the reference of stream {name}"))
        else:
            what = f"stream {name}: drift.reference"
            uses.append(FileUse(path, what, at=(*at, "drift", "reference")))
    if stream.estimate is not None:
        reads += _read_to_estimate(name, stream.estimate)
    uses += _collected(name, stream, at)
    # Streams of one model share a folder of labels: the classes in it are that model's.
    return reads, [
        replace(use, shared=f"{use.shared} of {stream.model}") if shared_by(use) == "model" else use
        for use in uses
    ]


def _read_to_estimate(name: str, options: EstimateAccuracyOptions) -> Iterator[FileUse]:
    if options.calibration is not None:
        yield FileUse(str(options.calibration), f"the calibration of stream {name}")
    if options.reference is not None:  # a model of the configuration is read anyway
        yield from read_by_model(ModelOptions(model=options.reference))


def _collected(name: str, stream: StreamOptions, at: Loc) -> Iterator[FileUse]:
    """The files that a stream's hard frames are written to."""
    if stream.collect is None:
        return
    folder = stream.collect.folder / safe_name(name)
    place = (*at, "collect", "folder")
    for inside in ("data.yaml", "classes.txt"):
        yield FileUse(str(folder / inside), f"stream {name}: collect", place)
    for inside, suffix in (("images", "jpg"), ("labels", "txt"), ("details", "json")):
        use = FileUse(str(folder / inside), f"stream {name}: collect", place)
        yield replace(use, pattern=rf".*\.{suffix}", below=True)


def shared_by(use: FileUse) -> str:
    """Which streams may write to the file: ``SinkEntry.shared``."""
    return SINKS[use.shared].shared if use.shared in SINKS else ""


def path_uses(options: OutputOptions) -> bool:
    """Whether outputs name any file."""
    return any(output.path for output in options.chosen())

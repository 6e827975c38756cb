"""Outputs that would destroy what a command reads, or another output: found before anything is opened.

Which options are files, and what for, stands in their types (``config.paths``); here it is said
which files they mean, and which of those must not be the same.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sightline.build.file_identity import (
    STDOUT,
    Key,
    file_keys,
    folder_keys,
    is_stream,
    local_path,
)
from sightline.build.model_files import PEOPLE, located
from sightline.config import Configuration, ModelOptions, OutputOptions, StreamOptions
from sightline.config.options import Loc
from sightline.config.outputs import ChosenOutput
from sightline.errors import ConfigError, SightlineError
from sightline.redaction import redact
from sightline.tables import SINKS, flag_of
from sightline.whole_files import OutputGuard, safe_name

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


def conflicts(reads: Iterable[FileUse], writes: Sequence[FileUse]) -> Iterator[tuple[FileUse, str]]:
    """Each output that cannot be, and why: it is what another part reads or writes."""
    by_key: dict[Key, FileUse] = {}
    refused: set[FileUse] = set()
    pictures = [use for use in writes if use.pattern]
    files = [use for use in writes if not use.pattern]
    for use in files:
        keys = file_keys(use.path)
        other = next((by_key[key] for key in keys if key in by_key), None)
        if other is None:
            by_key |= dict.fromkeys(keys, use)
        elif not (use.shared and use.shared == other.shared) and not is_stream(use.path):
            refused.add(use)
            yield use, f"{other.what} writes to {other} too: give each a file of its own"
    folders = [
        (use, file_keys(use.path), re.compile(use.pattern, re.IGNORECASE)) for use in pictures
    ]
    for use in files:
        for folder, keys, names in folders:
            if names.fullmatch(Path(use.path).name) and _holds(folder, keys, use.path):
                yield (
                    use,
                    f"{folder.what} writes files of such names to {folder}: choose another",
                )
    for read in reads if writes else ():
        for key in file_keys(read.path):
            if key in by_key and (written_too := by_key[key]) not in refused:
                refused.add(written_too)
                yield written_too, _is_read(written_too, read)
        for folder, keys, names in folders:
            name = Path(os.path.realpath(read.path)).name
            matches = names.fullmatch(Path(read.path).name) or names.fullmatch(name)
            if folder not in refused and matches and _holds(folder, keys, read.path):
                refused.add(folder)
                yield folder, f"{_is_read(folder, read)}; files in it could be overwritten"


def _holds(folder: FileUse, keys: frozenset[Key], path: str) -> bool:
    """Whether a file lies in a folder of these keys."""
    if keys & folder_keys(path):
        return True
    parents = Path(os.path.realpath(path)).parents if folder.below else ()
    return any(keys & file_keys(str(parent)) for parent in parents)


def _is_read(use: FileUse, read: FileUse) -> str:
    same = "" if str(use) == str(read) else f" ({read})"
    where = "is in it" if use.pattern else "is this file"
    return f"{use} would be overwritten: {read.what}{same} {where}; write to another place"


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


def paths_read(
    model: ModelOptions, sources: Iterable[str] = (), what: str = "the input"
) -> dict[str, Path]:
    """The files that a model and sources are read from, by what they are: for ``check_files``."""
    reads = {use.what: Path(use.path) for use in read_by_model(model)}
    for spec in sources:
        reads |= {f"{what} {use.path}": Path(use.path) for use in read_by_source(spec, what)}
    return reads


def _weights(path: Path) -> Iterator[Path]:
    """Files that an ONNX file names for its weights."""
    if path.suffix.lower() != ".onnx" or not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        names = {match[2][: match[1][0]] for match in _ONNX_LOCATION.finditer(content)}
    for name in names:
        yield path.parent / os.fsdecode(name)


def output_guard(reads: Iterable[FileUse], writes: Sequence[FileUse]) -> OutputGuard:
    """What is found at these paths, for those who open the outputs later."""
    spared: set[tuple[int, int]] = set()
    for read in reads if writes else ():
        with contextlib.suppress(OSError, ValueError):  # it is not there (yet)
            found = Path(read.path).stat()
            spared.add((found.st_dev, found.st_ino))
    files = (use.path for use in writes if not use.pattern)
    links = frozenset(os.path.abspath(path) for path in files if Path(path).is_symlink())  # noqa: PTH100
    return OutputGuard(frozenset(spared), links)


def check_command(
    inputs: Sequence[tuple[str, str, bool]], model: ModelOptions, options: OutputOptions
) -> OutputGuard:
    """Refuse outputs of a command that would destroy an input, the model or one another.

    Args:
        inputs: what the user wrote, the stream's name, and whether it is unrelated pictures.

    Returns:
        What those who open the outputs later are given.

    Raises:
        ConfigError: names the output and what it would destroy.
    """
    writes: list[FileUse] = []
    for _, name, still in inputs:
        for use in written(options, name, still=still):
            # One sink is shared by all streams of a command.
            if use not in writes:
                writes.append(use)
    reads = list(_reads(inputs, model, writes)) if writes else []
    guard = output_guard(reads, writes)  # before the paths are compared: a link is seen by either
    for use, why in conflicts(reads, writes):
        raise ConfigError(
            f"{use.what} {use}: {why}" if use.path not in why else f"{use.what}: {why}"
        )
    return guard


def _reads(
    inputs: Sequence[tuple[str, str, bool]], model: ModelOptions, writes: Sequence[FileUse]
) -> Iterator[FileUse]:
    yield from read_by_model(model)
    # A folder of many pictures is looked through only where there is something to destroy.
    for spec, _, still in inputs:
        if not still or any(use.pattern or os.path.lexists(use.path) for use in writes):
            yield from read_by_source(spec, f"the input {redact(spec)}")


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
    uses += _collected(name, stream, at)
    # Streams of one model share a folder of labels: the classes in it are that model's.
    return reads, [
        replace(use, shared=f"{use.shared} of {stream.model}") if _sharing(use) == "model" else use
        for use in uses
    ]


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


def _sharing(use: FileUse) -> str:
    """Which streams may write to the file: ``SinkEntry.shared``."""
    return SINKS[use.shared].shared if use.shared in SINKS else ""


def configuration_conflicts(
    configuration: Configuration,
    files: Mapping[str, Path],
    streams: Mapping[str, StreamOptions] | None = None,
) -> Iterator[tuple[FileUse, str]]:
    """Each output of a configuration that cannot be, and why.

    Args:
        files: further files that must not be written, by what they are called.
        streams: instead of those of the configuration.
    """
    reads = [FileUse(str(path), what) for what, path in files.items()]
    more, writes = _uses(configuration, configuration.streams if streams is None else streams)
    yield from conflicts([*reads, *more], writes)


def _uses(
    configuration: Configuration, streams: Mapping[str, StreamOptions]
) -> tuple[list[FileUse], list[FileUse]]:
    """What the models of a configuration and these streams read, and what they write."""
    models = configuration.models.items()
    reads = [use for name, one in models for f in one.files for use in read_by_model(f, name)]
    writes: list[FileUse] = []
    for name, stream in streams.items():
        inputs, outputs = stream_uses(name, stream, ("streams", name))
        reads += inputs
        writes += outputs
    if configuration.history is not None:
        path, at = configuration.history.database, ("history", "database")
        writes.append(FileUse(path, ".".join(at), at, "database"))
    return reads, writes


def streams_guard(
    configuration: Configuration, streams: Mapping[str, StreamOptions]
) -> OutputGuard:
    """What is found at the paths of these streams' outputs, and what the whole configuration reads."""
    if not any(path_uses(one.outputs) or one.collect is not None for one in streams.values()):
        return OutputGuard()
    reads, _ = _uses(configuration, {**configuration.streams, **streams})
    writes = [use for name, one in streams.items() for use in stream_uses(name, one, ())[1]]
    return output_guard(reads, writes)


def added_stream_conflict(
    configuration: Configuration,
    files: Mapping[str, Path],
    running: Mapping[str, StreamOptions],
    name: str,
    added: StreamOptions,
) -> str | None:
    """Why a stream cannot be added: it would write what another part uses, or read what is written.

    A database may be shared. A text file may not: those that share one agree on that at the start.

    Args:
        files: as of ``configuration_conflicts``.
        running: the streams that there are now; those of the configuration count too.
    """
    others = {n: one for n, one in {**configuration.streams, **running}.items() if n != name}
    if not any(path_uses(one.outputs) for one in (added, *others.values())):
        return None
    reads = [FileUse(str(path), what) for what, path in files.items()]
    for model_name, model in configuration.models.items():
        reads += [use for file in model.files for use in read_by_model(file, model_name)]
    inputs, outputs = stream_uses(name, added, ())
    writes = [use if _sharing(use) == "always" else replace(use, shared="") for use in outputs]
    for other, stream in others.items():
        more, written_too = stream_uses(other, stream, ("streams", other))
        inputs += more
        writes += written_too
    for use, why in conflicts([*reads, *inputs], writes):
        return f"{use.what}: {why}"
    return None


def path_uses(options: OutputOptions) -> bool:
    """Whether outputs name any file."""
    return any(output.path for output in options.chosen())


def check_files(reads: Mapping[str, Path], writes: Mapping[str, Path]) -> None:
    """Refuse a command's files that would destroy one another, each by what it is called.

    Raises ConfigError.
    """
    read = [FileUse(str(path), what) for what, path in reads.items()]
    for use, why in conflicts(read, [FileUse(str(path), what) for what, path in writes.items()]):
        raise ConfigError(f"{use.what} {use}: {why}")

"""Outputs that would destroy what a command reads, or another output: found before anything is opened.

Which files options mean stands in ``uses``; here it is said which of those must not be the same.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sightline.build.files.identity import Key, file_keys, folder_keys, is_stream
from sightline.build.files.uses import (
    FileUse,
    path_uses,
    read_by_model,
    read_by_source,
    shared_by,
    stream_uses,
    written,
)
from sightline.config import Configuration, ModelOptions, OutputOptions, StreamOptions
from sightline.errors import ConfigError
from sightline.redaction import redact
from sightline.whole_files import OutputGuard


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


def paths_read(
    model: ModelOptions, sources: Iterable[str] = (), what: str = "the input"
) -> dict[str, Path]:
    """The files that a model and sources are read from, by what they are: for ``check_files``."""
    reads = {use.what: Path(use.path) for use in read_by_model(model)}
    for spec in sources:
        reads |= {f"{what} {use.path}": Path(use.path) for use in read_by_source(spec, what)}
    return reads


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
    writes = [use if shared_by(use) == "always" else replace(use, shared="") for use in outputs]
    for other, stream in others.items():
        more, written_too = stream_uses(other, stream, ("streams", other))
        inputs += more
        writes += written_too
    for use, why in conflicts([*reads, *inputs], writes):
        return f"{use.what}: {why}"
    return None


def check_files(reads: Mapping[str, Path], writes: Mapping[str, Path]) -> None:
    """Refuse a command's files that would destroy one another, each by what it is called.

    Raises ConfigError.
    """
    read = [FileUse(str(path), what) for what, path in reads.items()]
    for use, why in conflicts(read, [FileUse(str(path), what) for what, path in writes.items()]):
        raise ConfigError(f"{use.what} {use}: {why}")

"""Outputs: the sinks of a run, as the table of sinks makes them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack

from sightline.build.files.identity import Key, file_keys
from sightline.build.output_names import check_name
from sightline.build.sources import SourceInput
from sightline.config import OutputOptions, StreamOptions
from sightline.config.outputs import ChosenOutput
from sightline.protocols import RecordsRun, Rotating, Sink
from sightline.sinks.files import stream_file
from sightline.tables import load
from sightline.types import OutputRequest, OutputStream, RunState
from sightline.whole_files import OutputGuard, is_folder

log = logging.getLogger(__name__)


class Outputs:
    """The sinks of a run: some are shared by all streams, some belong to one.

    ``state`` is how the run ended ("done", "failed", "interrupted"); databases keep it.
    """

    def __init__(self) -> None:
        self.state: RunState = (
            "failed"  # unless it is told otherwise, a run that closes was cut off
        )
        self._sinks: list[tuple[Sink, tuple[SourceInput, ...]]] = []

    def add(self, sink: Sink, streams: Sequence[SourceInput]) -> None:
        """Take a sink that these streams write to."""
        self._sinks.append((sink, tuple(streams)))

    def sinks(self, stream: SourceInput) -> list[Sink]:
        """Those of one stream."""
        return [
            sink for sink, streams in self._sinks if any(stream is writer for writer in streams)
        ]

    def reopen(self) -> None:
        """Let go of all files, and go on with those at the paths. From any thread or signal."""
        for sink, _ in tuple(self._sinks):
            if isinstance(sink, Rotating):
                sink.reopen()

    def close(self) -> None:
        """Close every sink; the first failure is raised after all were closed."""
        with ExitStack() as stack:
            for sink, _ in reversed(self._sinks):
                if isinstance(sink, RecordsRun):
                    sink.state = self.state
                stack.callback(sink.close)


def outputs(
    options: OutputOptions,
    run: Mapping[str, object],
    inputs: Sequence[SourceInput],
    joined: Collection[str] = (),
    guard: OutputGuard | None = None,
) -> Outputs:
    """The sinks that options describe, for these inputs.

    Args:
        run: goes into the database.
        joined: text files that other streams write to as well, begun by whoever knows of all.
        guard: what ``files.conflicts`` found at the paths when it checked them.

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
    for output in options.chosen():
        check_name(output)
        make = load(output.entry.make)
        for path, writers in _places(output, inputs):
            request = OutputRequest(
                path,
                tuple(OutputStream(i.name, i.live, i.still) for i in writers),
                append=append,
                joined=path in joined,
                options=output.options,
                run=run,
                guard=guard,
            )
            made.add(make(request), writers)
    return made


def _places(
    output: ChosenOutput, inputs: Sequence[SourceInput]
) -> Iterator[tuple[str, Sequence[SourceInput]]]:
    """Where a sink is made, and for which inputs: a file for all, or in a folder one for each of them."""
    path, entry = output.path, output.entry
    if entry.stills_apart:
        videos = [i for i in inputs if not i.still]
        yield from ((path, part) for part in (videos, [i for i in inputs if i.still]) if part)
    elif entry.together or path == "-" or "://" in path or not is_folder(path):
        yield path, inputs
    else:
        yield from ((str(stream_file(path, i.name, entry.suffix)), [i]) for i in inputs)


def joined_files(streams: Mapping[str, StreamOptions]) -> dict[str, bool]:
    """Text files that several streams write to, and whether what is in them stays."""
    writers: dict[Key, list[tuple[str, StreamOptions]]] = {}
    for stream in streams.values():
        for output in stream.outputs.chosen():
            path = output.path
            if output.entry.shared == "run" and path != "-" and not is_folder(path):
                for key in file_keys(path):
                    writers.setdefault(key, []).append((path, stream))
    found: dict[str, bool] = {}
    for same in writers.values():
        if len(same) > 1:
            append = any(stream.outputs.append for _, stream in same)
            found |= dict.fromkeys((path for path, _ in same), append)
    return found

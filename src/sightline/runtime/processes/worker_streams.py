"""The streams of a worker process, as they were asked for and as the process last told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from sightline.config import StreamOptions
from sightline.types import StreamStats

_OVER = frozenset({"ended", "failed"})


class WorkerStreams:
    """What belongs to one worker, whatever becomes of its process."""

    def __init__(self) -> None:
        self.options: dict[str, StreamOptions] = {}
        self.paused: set[str] = set()
        self.versions: Counter[str] = Counter()
        """How many pictures were heard of each stream."""
        self._seen: dict[str, StreamStats] = {}
        self._running: frozenset[str] = frozenset()

    def stats(self, silence: str | None) -> Mapping[str, StreamStats]:
        """As the process said last; those that do not run now are ``restarting``.

        ``silence`` says why the process cannot be asked now, if so.
        """
        found = {}
        for name in list(self.options):
            last = self._seen.get(name)
            if last is None:
                continue  # it is being added
            if last.state not in _OVER and (silence or name not in self._running):
                last = replace(
                    last, state="restarting", error=silence, fps_in=0.0, fps_analyzed=0.0
                )
            found[name] = last
        return found

    def heard(self, name: str) -> None:
        """A picture of a stream has come."""
        if name in self.options:
            self.versions[name] += 1

    def stated(self, stats: Mapping[str, StreamStats]) -> None:
        """The process has told of its streams."""
        self._seen |= {name: one for name, one in stats.items() if name in self.options}
        self._running = frozenset(stats)

    def died(self) -> None:
        """The process has ended: nothing runs."""
        self._running = frozenset()

    def unfinished(self) -> dict[str, StreamOptions]:
        """Those that ran when the process was last heard."""
        return {
            name: options
            for name, options in list(self.options.items())
            if name in self._seen and self._seen[name].state not in _OVER
        }

    def fail(self, name: str, error: str) -> None:
        """A stream cannot go on."""
        if (last := self._seen.get(name)) is not None:
            self._seen[name] = replace(last, state="failed", error=error)

    def forget(self, name: str) -> bool:
        """A restart does not bring this stream back. False: there was none."""
        self.paused.discard(name)
        self.versions.pop(name, None)
        there = self.options.pop(name, None) is not None
        self._seen.pop(name, None)
        return there

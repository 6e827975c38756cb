"""Counts what a stream does, in the process that runs it, until somebody asks for it."""

from __future__ import annotations

import threading
from collections import Counter
from weakref import WeakValueDictionary

from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.summary import MOST_NAMES, OTHER, PeriodSummary
from sightline.monitoring.profiles.profile import FrameSample, Profile
from sightline.monitoring.profiles.profiler import Profiler
from sightline.types import Observation

_REMEMBERED = 20_000
"""Tracks of a stream that are remembered: the ids of those that ended long ago never come again."""


class StreamCollector:
    """What one stream did since it was last asked. Told by the stream's threads, asked by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._summary = PeriodSummary()
        self._profile = Profile()
        self._latency: Counter[int] = Counter()
        self._tracks: dict[int, None] = {}

    def analyzed(self, age_s: float) -> None:
        """A frame was analysed, so long after it was decoded."""
        place = latency_bin(age_s)
        with self._lock:
            self._latency[place] += 1

    def sampled(self, sample: FrameSample) -> None:
        """A frame was looked at."""
        with self._lock:
            self._profile.add(sample)

    def saw(self, seen: Observation) -> None:
        """Count the objects that are here for the first time, by class."""
        found = seen.detections
        if found.track_ids is None:
            return
        tracks = self._tracks
        for number, track_id in enumerate(found.track_ids.tolist()):
            if track_id in tracks:
                continue
            tracks[track_id] = None
            name = found.class_name(int(found.class_ids[number]))
            with self._lock:
                self._summary.count(f"arrived/{name}")
        if len(tracks) > _REMEMBERED:
            self._tracks = dict.fromkeys(list(tracks)[_REMEMBERED // 2 :])

    def take(self) -> PeriodSummary:
        """What was counted since the last time."""
        with self._lock:
            found, self._summary = self._summary, PeriodSummary()
            profile, self._profile = self._profile, Profile()
            latency, self._latency = self._latency, Counter()
        if profile.samples:
            for counts in profile.categories.values():
                _limit(counts)
            found.add_profile(profile)
        if latency:
            found.histograms["latency"] = latency
        return found


class StreamCollectors:
    """The collectors of all streams of a process, by name. They go with the streams that hold them."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._lock = threading.Lock()
        self._streams: WeakValueDictionary[str, StreamCollector] = WeakValueDictionary()

    def of(self, stream: str) -> StreamCollector:
        """A new collector of a stream that begins."""
        found = StreamCollector()
        with self._lock:
            self._streams[stream] = found
        return found

    def take(self, stream: str) -> PeriodSummary:
        """What a stream's collector has; nothing where there is none."""
        with self._lock:
            found = self._streams.get(stream)
        return PeriodSummary() if found is None else found.take()


class CollectHistory:
    """A stage at the end of a stream's pipeline, which tells a collector of what it sees.

    Args:
        collector: that is told.
        profiler: looks at pictures; None: another stage tells of them.
    """

    name = "history"

    def __init__(self, collector: StreamCollector, profiler: Profiler | None) -> None:
        self._collector = collector
        self._profiler = profiler

    def submit(self, seen: Observation) -> None:
        """There is nothing to wait for."""

    def settle(self, seen: Observation, found: None) -> Observation:  # noqa: ARG002 - the protocol's
        """The observation as it is."""
        self._collector.saw(seen)
        sample = None if self._profiler is None else self._profiler.see(seen)
        if sample is not None:
            self._collector.sampled(sample)
        return seen


def _limit(counts: Counter[str]) -> None:
    """Count the rarest categories together where there are too many."""
    if len(counts) > MOST_NAMES:
        for name, number in counts.most_common()[MOST_NAMES:]:
            del counts[name]
            counts[OTHER] += number

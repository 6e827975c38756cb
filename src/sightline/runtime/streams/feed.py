"""What the streams of a fleet see, handed to whoever listens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sightline.sinks.jsonl import to_json
from sightline.types import Detections, Observation, StreamInfo

FEED_DEPTH = 256
"""Observations that wait for one subscriber; a slow one loses the oldest."""


class FeedItem(NamedTuple):
    """What was seen in one frame of a stream: a JSON line as the JSON lines sink writes it."""

    stream: str
    line: str


class Feed:
    """Hands what all streams see to whoever subscribes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: list[queue.Queue[FeedItem]] = []
        self.lost = 0
        """Observations that subscribers were too slow for."""

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        """A queue of what is seen from now on."""
        reader: queue.Queue[FeedItem] = queue.Queue(FEED_DEPTH)
        with self._lock:
            self._readers = [*self._readers, reader]
        try:
            yield reader
        finally:
            with self._lock:
                self._readers = [r for r in self._readers if r is not reader]

    def publish(self, observation: Observation) -> None:
        """Hand out what was seen; costs nothing where nobody reads."""
        if self._readers:
            self.hand_out(FeedItem(observation.frame.stream, to_json(observation)))

    def hand_out(self, item: FeedItem) -> None:
        """Give every reader an item; where one is slow, its oldest goes and is counted."""
        with self._lock:
            for reader in self._readers:
                if reader.full():
                    reader.get_nowait()
                    self.lost += 1
                reader.put_nowait(item)


class Newest:
    """A ``Sink`` that keeps the newest observation of one stream, and passes it to the feed.

    Args:
        saw: told what the outputs of the stream were given.
    """

    def __init__(self, feed: Feed, saw: Callable[[Detections], None]) -> None:
        self._feed = feed
        self._saw = saw
        self.observation: Observation | None = None
        self.version = 0

    def open(self, stream: StreamInfo) -> None:
        """Every stream is welcome."""

    def write(self, observation: Observation) -> None:
        """Keep the newest observation, and publish it."""
        self._saw(observation.detections)
        self.observation = observation
        self.version += 1
        self._feed.publish(observation)

    def close(self) -> None:
        """Let go of the observation."""
        self.observation = None  # a decoded picture is a megabyte

"""Pictures on which two models disagree, kept in a folder of bounded size."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sightline.errors import DecodeError, SinkError
from sightline.evaluation.pairs import PairCounts
from sightline.types import Detections, Frame
from sightline.whole_files import safe_name, write_whole

PAUSE_S = 1.0
"""Writing a picture takes the processor some milliseconds: no more than one in so long is kept."""

log = logging.getLogger(__name__)


class Examples:
    """Each is a JPEG picture and, beside it, a JSON file with both results. For one thread.

    What an earlier run left in the folder counts, too. Other files there are left alone.

    Args:
        folder: made where it is missing.
        limit_bytes: of all pictures and results together; the oldest go first.
        models: names of the first model and the second.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        models: tuple[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._limit, self._models, self._clock = folder, limit_bytes, models, clock
        self._next_at = clock()
        self._told = False
        self._kept = deque(_left_in(folder))
        self.count = 0
        """Written since the start."""

    def keep(self, frame: Frame, first: Detections, second: Detections, counts: PairCounts) -> None:
        """Write an example where the two disagree and it is time for one. A full disk loses it."""
        if counts.agreed.sum() == counts.confident.sum() or self._clock() < self._next_at:
            return
        self._next_at = self._clock() + PAUSE_S
        moment = datetime.now(UTC)
        name = f"disagreement-{moment:%Y%m%dT%H%M%S%f}-{safe_name(frame.stream)[:60]}"
        results = {
            "picture": f"{name}.jpg",
            "time": moment.isoformat(timespec="milliseconds"),
            "stream": frame.stream,
            "frame": frame.index,
            "width": frame.width,
            "height": frame.height,
            "agreement": round(counts.agreement, 4),
            "first": {"model": self._models[0], "objects": first.to_dict()},
            "second": {"model": self._models[1], "objects": second.to_dict()},
        }
        try:
            self._write(self._folder / name, frame, json.dumps(results, indent=1).encode())
        except (SinkError, DecodeError) as exc:
            if not self._told:  # once: a full disk lasts
                log.error("an example of disagreement was not kept: %s", exc)
            self._told = True

    def _write(self, place: Path, frame: Frame, results: bytes) -> None:
        from sightline.imaging.picture_files import encoded

        picture = encoded(frame.image, ".jpg", quality=90)
        size = len(picture) + len(results)
        while self._kept and size + sum(kept for _, kept in self._kept) > self._limit:
            oldest, _ = self._kept.popleft()
            for file in _files(oldest):
                file.unlink(missing_ok=True)
        if size > self._limit:
            raise SinkError(
                f"{self._folder}: one picture has {size / 1e6:.1f} MB, more than `examples_mb` allows"
            )
        for file, content in zip(_files(place), (picture, results), strict=True):
            write_whole(file, content)
        self._kept.append((place, size))
        self.count += 1


def _files(place: Path) -> tuple[Path, Path]:
    """The picture and its results; a stream's name may have dots."""
    return Path(f"{place}.jpg"), Path(f"{place}.json")


def _left_in(folder: Path) -> Iterator[tuple[Path, int]]:
    """The examples of earlier runs, the oldest first, with their sizes."""
    for results in sorted(folder.glob("disagreement-*.json")):
        place = results.with_name(results.name.removesuffix(".json"))
        if all(file.exists() for file in _files(place)):
            yield place, sum(file.stat().st_size for file in _files(place))

"""Pictures that both models of a rollout see, one after another, beside the traffic."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from sightline.config import ComparedOptions
from sightline.errors import DeadlineExceeded, EngineUnavailable, Overloaded, SightlineError
from sightline.evaluation.pairs import compare_pictures
from sightline.runtime.repository.served_model import Overrides
from sightline.runtime.rollouts.background import TimedDetections
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.examples import Examples
from sightline.runtime.rollouts.jobs import JobThread
from sightline.runtime.rollouts.tally import Tally
from sightline.types import Detections, Frame

WAITING = 4
"""Pictures that wait to be compared, at most: each holds a frame."""

log = logging.getLogger(__name__)


Disagreement = Callable[[Frame, Detections, float], None]
"""Told of a picture, what the first model found in it, and the share of all objects that both found."""


class ModelPair(Protocol):
    """Two models of which one has answered a picture, and the other may be shown it."""

    def show(self, second: bool, frame: Frame, wanted: Overrides) -> TimedDetections:
        """What one of them finds when nobody waits for it. Blocks.

        Raises Overloaded and EngineUnavailable where there is no room for it, or what detecting raises.
        """


class Comparisons:
    """Shows pictures that one model has answered to the other, and counts what both found.

    There is one at a time, in a thread of its own, and few wait: what finds no place is dropped and
    counted.

    Args:
        names: of the first model and the second.
        options: where examples of disagreement are kept.
        models: the two.
        mapping: the second model's classes as the first calls them.
        confs: the scores from which each reports objects.
        look: is called after each picture, in the same thread.
    """

    def __init__(
        self,
        names: tuple[str, str],
        options: ComparedOptions,
        models: ModelPair,
        mapping: ClassMapping,
        confs: tuple[float, float],
        look: Callable[[], None],
    ) -> None:
        self.tally = Tally(mapping.names)
        self._names, self._models, self._mapping = names, models, mapping
        self._confs, self._look = confs, look
        limit = int(options.examples_mb * 1e6)
        folder = options.examples
        self._examples = Examples(folder, limit, names) if folder else None
        self._thread = JobThread(f"compare-{names[0]}", WAITING)
        self._listeners: dict[str, Disagreement] = {}

    @property
    def examples(self) -> int:
        """How many were kept since the start."""
        return 0 if self._examples is None else self._examples.count

    @property
    def idle(self) -> bool:
        """Nothing waits to be compared."""
        return self._thread.idle

    def begin(
        self,
        frame: Frame,
        wanted: Overrides,
        *,
        second: bool,
        found: Detections,
        in_background: bool,
    ) -> None:
        """Compare what a model has ``found``, soon. From any thread; returns at once.

        Args:
            frame: the picture.
            wanted: what the model was asked.
            second: it was the second that answered.
            found: by it, with its own classes.
            in_background: the other has a process for this alone, whose times are its own.
        """
        job = partial(self._compare, self.tally.era, frame, wanted, second, found, in_background)
        if not self._thread.put(job):
            self.tally.drop("busy")

    def listen(self, stream: str, told: Disagreement | None) -> None:
        """Tell somebody of the pictures of a stream on which the two disagree; None: nobody any more."""
        if told is None:
            self._listeners.pop(stream, None)
        else:
            self._listeners[stream] = told

    def look_soon(self) -> None:
        """Call ``look`` in the thread of comparisons."""
        self._thread.put(self._look)

    def close(self) -> None:
        """End after the one that runs. Idempotent."""
        self._thread.close()

    def _compare(
        self,
        era: int,
        frame: Frame,
        wanted: Overrides,
        second: bool,
        found: Detections,
        in_background: bool,
    ) -> None:
        try:
            other = self._models.show(not second, frame, wanted)
        except (Overloaded, DeadlineExceeded):
            self.tally.drop("no room")
            return
        except EngineUnavailable:
            self.tally.drop("restarting")
            return
        except SightlineError as exc:
            log.debug("model %s failed beside the other: %s", self._names[not second], exc)
            self.tally.failed(not second)
            self.tally.drop("failed")
            self._look()
            return
        if self.tally.era != era:  # one of the two models is another by now
            self.tally.drop("restarting")
            return
        self.tally.shown(not second, other.seconds if in_background else None, other.cpu_s)
        theirs = self._mapping(found if second else other.objects)
        own = other.objects if second else found
        confs = [max(conf, wanted.conf or 0.0) for conf in self._confs]
        counts = compare_pictures(own, theirs, len(self._mapping.names), confs)
        self.tally.pair(counts)
        if self._examples is not None:
            self._examples.keep(frame, own, theirs, counts)
        told = self._listeners.get(frame.stream)
        if told is not None and counts.agreement < 1:
            told(frame, own, counts.agreement)
        self._look()

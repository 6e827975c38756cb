"""Several detectors as one: each looks at every picture, and what they found is fused."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from sightline.config.composites import FusionOptions
from sightline.errors import ConfigError
from sightline.futures import all_begun, joined
from sightline.models.composites import fusion
from sightline.models.composites.parts import conf_of, engines_wrapped, shared
from sightline.models.detector import class_ids, no_class
from sightline.models.postprocess.nms import best
from sightline.protocols import AdjustableDetector, Detector, Engine, TrackableDetector
from sightline.types import Detections, Frame, Ints

_FUSIONS: Mapping[str, Callable[..., Detections]] = {
    "wbf": fusion.weighted_boxes,
    "nms": fusion.suppressed,
    "soft-nms": fusion.softly_suppressed,
}


@dataclass(frozen=True)
class EnsembleMember:
    """One detector of an ensemble.

    Args:
        detector: closed with the ensemble.
        weight: how much it counts beside the others.
        class_map: its names of classes and those that they are to have; None in place of a name: the class
            is left out. Names that are not here stay as they are.
    """

    detector: Detector
    weight: float = 1.0
    class_map: Mapping[str, str | None] | None = None


class EnsembleDetector:
    """A ``Detector`` that shows each picture to several, at the same time, and fuses what they find.

    Its classes are those of its members, in order; members that have a class of one name share it.

    Args:
        members: at least two. Each looks for objects down to the ensemble's ``conf``, or to its own where
            that is lower.
        options: how what they found is fused. With ``wbf``, what one of two found has half of its score.

    Raises:
        ConfigError: there are fewer than two members, a weight is not above 0, votes are more than the
            members, ``class_map`` names one that a member does not have, or only some have class names.
    """

    def __init__(
        self, members: Sequence[EnsembleMember], options: FusionOptions | None = None
    ) -> None:
        self.options = options or FusionOptions()
        _check(members, self.options.votes)
        self.members = tuple(_reaching(member, self.options.conf) for member in members)
        self.class_names, self._ids = _common_classes(members)
        self.wanted_ids: list[int] | None = None

    def __str__(self) -> str:
        """What it is made of, in one line."""
        told = "; ".join(str(member.detector) for member in self.members)
        return f"ensemble ({self.options.fusion}) of {len(self.members)} detectors: {told}"

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in a batch of frames with all detectors at the same time."""
        futures = all_begun(partial(one.detector.submit, frames) for one in self.members)
        return joined(futures, self._fused)

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
    ) -> Self:
        """The same ensemble with another threshold or other classes wanted; ``iou`` is of the fusion.

        Raises ConfigError: a class has no such name.
        """
        other = copy.copy(self)
        given = {"conf": conf, "iou": iou}
        other.options = self.options.model_copy(
            update={name: value for name, value in given.items() if value is not None}
        )
        if conf is not None:
            other.members = tuple(_reaching(member, conf) for member in self.members)
        if classes is not None:
            other.wanted_ids = class_ids(self.class_names, classes)
        return other

    def with_detectors(self, wrap: Callable[[Detector], Detector]) -> Self:
        """The same ensemble of other detectors: of those behind a scheduler, say."""
        other = copy.copy(self)
        other.members = tuple(replace(m, detector=wrap(m.detector)) for m in self.members)
        return other

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``. Raises ConfigError: a detector has no engines."""
        return self.with_detectors(lambda one: engines_wrapped(one, wrap))

    @property
    def engines(self) -> Sequence[Engine]:
        """Those of all detectors. Raises ConfigError: one has none."""
        return [engine for m in self.members for engine in shared(m.detector).engines]

    @property
    def max_batch(self) -> int | None:
        """What every engine takes."""
        most = [shared(member.detector).max_batch for member in self.members]
        return min((limit for limit in most if limit is not None), default=None)

    def batches(self, source: tuple[int, int]) -> Sequence[tuple[int, int, int]]:
        """What each engine runs for one source picture (width, height): (N, height, width)."""
        return [batch for m in self.members for batch in shared(m.detector).batches(source)]

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        """See ``SharedDetector``."""
        return self.with_detectors(lambda one: shared(one).with_aspects(aspects))

    @property
    def conf(self) -> float:
        """The lowest score of a fused object."""
        return self.options.conf

    @property
    def tracker_options(self) -> Mapping[str, Any] | None:
        """None: scores of fused objects are of no single model."""

    @property
    def embedder(self) -> str | None:
        """The first one that a member has for its objects."""
        parts = (member.detector for member in self.members)
        return next(
            (p.embedder for p in parts if isinstance(p, TrackableDetector) and p.embedder), None
        )

    def close(self) -> None:
        """Close all detectors."""
        for member in self.members:
            member.detector.close()

    def _fused(self, results: list[list[Detections]]) -> list[Detections]:
        """``results`` are those of each detector for each frame."""
        return [self._one(parts) for parts in zip(*results, strict=True)]

    def _one(self, parts: Sequence[Detections]) -> Detections:
        how, names = self.options, self.class_names
        alike = [renamed(part, ids, names) for part, ids in zip(parts, self._ids, strict=True)]
        weights = [member.weight for member in self.members]
        found = _FUSIONS[how.fusion](alike, weights, iou=how.iou, votes=how.votes)
        keep = found.scores >= how.conf
        if self.wanted_ids is not None:
            keep &= np.isin(found.class_ids, self.wanted_ids)
        return best(found[keep], how.max_detections)


def _reaching(member: EnsembleMember, conf: float) -> EnsembleMember:
    """A member that finds what the ensemble wants: its own threshold may be too high for that."""
    detector = member.detector
    if not isinstance(detector, AdjustableDetector) or conf_of(detector) <= conf:
        return member
    return replace(member, detector=detector.replaced(conf=conf))


def _common_classes(
    members: Sequence[EnsembleMember],
) -> tuple[tuple[str, ...], list[Ints]]:
    """The ensemble's classes, and for each member the ids there of its own; -1: left out."""
    names: dict[str, int] = {}
    tables = []
    for member in members:
        own, told = member.detector.class_names, member.class_map or {}
        for name in told:
            if name not in own:
                raise ConfigError(f"ensemble: class_map: {member.detector}: {no_class(name, own)}")
        meant = [told.get(name, name) for name in own]
        ids = [-1 if name is None else names.setdefault(name, len(names)) for name in meant]
        tables.append(np.array(ids, np.int64))
    return tuple(names), tables


def renamed(found: Detections, ids: Ints, names: tuple[str, ...]) -> Detections:
    """What a model found, with the classes of others: ``ids`` are those of its own; -1: left out."""
    if len(ids):
        found = found[found.class_ids < len(ids)]  # the others have no names to know them by
        found = replace(found, class_ids=ids[found.class_ids], class_names=names)
        return found[found.class_ids >= 0]
    return replace(found, class_names=names)


def _check(members: Sequence[EnsembleMember], votes: int) -> None:
    if len(members) < 2:
        raise ConfigError(f"ensemble: give two detectors or more, not {len(members)}")
    if votes > len(members):
        raise ConfigError(f"ensemble: votes {votes}: there are {len(members)} detectors")
    wrong = [member.weight for member in members if not member.weight > 0]
    if wrong:
        raise ConfigError(f"ensemble: a weight of {wrong[0]}: give one above 0")
    if len({bool(member.detector.class_names) for member in members}) > 1:
        raise ConfigError(
            "ensemble: some of its models have class names and some have none: write `class_names` "
            "into the card of those"
        )

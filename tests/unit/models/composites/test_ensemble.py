"""Ensembles: classes of several label sets, thresholds, votes, and who closes what."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.config import FusionOptions
from sightline.errors import ConfigError, Overloaded
from sightline.models.composites.ensemble import EnsembleDetector, EnsembleMember
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame

FRAME = Frame("black", 0, 0.0, 0.0, ArrayPicture(np.zeros((40, 300, 3), np.uint8)))


class Saying:
    """A detector that always finds the same: boxes of 40 pixels, by (x, score, class name)."""

    def __init__(
        self, names: Sequence[str], *found: tuple[float, float, str], conf: float = 0.25
    ) -> None:
        self.class_names = tuple(names)
        self.found, self.conf = found, conf
        self.tracker_options = self.embedder = None
        self.closed = False
        self.futures: list[Future[list[Detections]]] = []

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        future: Future[list[Detections]] = Future()
        self.futures.append(future)
        rows = [row for row in self.found if row[1] >= self.conf]
        boxes = np.array([(x, 0, x + 40, 40) for x, _, _ in rows], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score, _ in rows], np.float32)
        ids = np.array([self.class_names.index(name) for *_, name in rows], np.int64)
        future.set_result(
            [Detections(boxes, scores, ids, class_names=self.class_names)] * len(frames)
        )
        return future

    def replaced(self, *, conf: float | None = None, **_: Any) -> Saying:
        return Saying(self.class_names, *self.found, conf=self.conf if conf is None else conf)

    def close(self) -> None:
        self.closed = True


def say(found: Detections) -> list[tuple[str, float]]:
    return [
        (found.class_name(i), round(score, 2))
        for i, score in zip(found.class_ids.tolist(), found.scores.tolist(), strict=True)
    ]


def run(detector: EnsembleDetector, frame: Frame) -> list[tuple[str, float]]:
    (found,) = detector.submit((frame,)).result()
    assert found.class_names == detector.class_names
    return say(found)


CARS = Saying(("person", "car"), (0, 0.8, "car"), (100, 0.6, "person"))
LORRIES = Saying(("truck", "automobile"), (2, 0.6, "automobile"), (200, 0.9, "truck"))


def test_label_sets_meet_by_name_and_map() -> None:
    frame = FRAME
    plain = EnsembleDetector([EnsembleMember(CARS), EnsembleMember(LORRIES)])
    assert plain.class_names == ("person", "car", "truck", "automobile")
    mapped = EnsembleDetector(
        [EnsembleMember(CARS), EnsembleMember(LORRIES, class_map={"automobile": "car"})]
    )
    assert mapped.class_names == ("person", "car", "truck")
    assert run(mapped, frame) == [("car", 0.7), ("truck", 0.45), ("person", 0.3)]
    without = EnsembleDetector(
        [EnsembleMember(CARS), EnsembleMember(LORRIES, class_map={"automobile": None})]
    )
    assert run(without, frame) == [("truck", 0.45), ("car", 0.4), ("person", 0.3)]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        pytest.param({"votes": 2}, [("car", 0.7)], id="both"),
        pytest.param({"conf": 0.4}, [("car", 0.7), ("truck", 0.45)], id="threshold of the fused"),
        pytest.param({"fusion": "nms"}, [("truck", 0.9), ("car", 0.8), ("person", 0.6)], id="nms"),
        pytest.param({"max_detections": 1}, [("car", 0.7)], id="limit"),
    ],
)
def test_options(options: dict[str, Any], wanted: list[Any]) -> None:
    members = [EnsembleMember(CARS), EnsembleMember(LORRIES, class_map={"automobile": "car"})]
    assert run(EnsembleDetector(members, FusionOptions(**options)), FRAME) == wanted


def test_weights() -> None:
    members = [
        EnsembleMember(CARS, weight=3),
        EnsembleMember(LORRIES, class_map={"automobile": "car"}),
    ]
    assert run(EnsembleDetector(members), FRAME)[:2] == [
        ("car", round((0.8 * 3 + 0.6) / 2 * 2 / 4, 2)),
        ("person", round(0.6 * 3 / 4, 2)),
    ]


def test_members_look_as_low_as_the_ensemble() -> None:
    high = Saying(("car",), (0, 0.3, "car"), conf=0.5)
    ensemble = EnsembleDetector([EnsembleMember(high), EnsembleMember(high)])
    assert run(ensemble, FRAME) == [("car", 0.3)]
    assert run(ensemble.replaced(conf=0.35), FRAME) == []
    assert ensemble.replaced(conf=0.1).conf == pytest.approx(0.1)


def test_only_the_classes_wanted() -> None:
    ensemble = EnsembleDetector([EnsembleMember(CARS), EnsembleMember(LORRIES)])
    assert run(ensemble.replaced(classes=["truck"]), FRAME) == [("truck", 0.45)]
    with pytest.raises(ConfigError, match="no class 'lorry'"):
        ensemble.replaced(classes=["lorry"])


@pytest.mark.parametrize(
    ("members", "options", "wrong"),
    [
        pytest.param([EnsembleMember(CARS)], {}, "two detectors or more, not 1", id="one"),
        pytest.param([EnsembleMember(CARS)] * 2, {"votes": 3}, "there are 2 detectors", id="votes"),
        pytest.param(
            [EnsembleMember(CARS, weight=0), EnsembleMember(CARS)], {}, "weight of 0", id="weight"
        ),
        pytest.param(
            [EnsembleMember(CARS, class_map={"persn": "person"}), EnsembleMember(CARS)], {},
            "no class 'persn': did you mean 'person'", id="class",
        ),
        pytest.param(
            [EnsembleMember(CARS), EnsembleMember(Saying(()))], {}, "class_names", id="no names"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be(members: list[EnsembleMember], options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        EnsembleDetector(members, FusionOptions(**options))


def test_a_refusal_takes_back_the_others() -> None:
    class Refusing(Saying):
        def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
            raise Overloaded("no room", retry_after_s=1.0)

    class Waiting(Saying):
        def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
            self.futures.append(Future())
            return self.futures[-1]

    first = Waiting(("car",))
    with pytest.raises(Overloaded):
        EnsembleDetector([EnsembleMember(first), EnsembleMember(Refusing(("car",)))]).submit(
            (FRAME,)
        )
    assert first.futures[0].cancelled()


def test_closing_closes_all() -> None:
    one, other = Saying(("car",)), Saying(("car",))
    EnsembleDetector([EnsembleMember(one), EnsembleMember(other)]).close()
    assert one.closed
    assert other.closed

"""Pictures that both models see: counted, kept as examples, told, or dropped with a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.runtime.rollouts.conftest import NAMES, FakePair, frame, objects
from tests.waiting import wait_for

from sightline.config import ShadowOptions
from sightline.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    InferenceError,
    Overloaded,
)
from sightline.runtime.repository.served_model import Overrides
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.comparisons import WAITING, Comparisons
from sightline.types import Detections


class Compared:
    """Comparisons around two stand-ins."""

    def __init__(self) -> None:
        self.pair, self.looks = FakePair(), 0
        self.made = Comparisons(
            ("street", "next"), ShadowOptions(model="next"), self.pair, ClassMapping(NAMES, None),
            (0.25, 0.25), self.look,
        )  # fmt: skip

    def look(self) -> None:
        self.looks += 1

    def begin(self, found: Detections | None = None, *, second: bool = False, background: bool = True) -> None:  # fmt: skip
        self.made.begin(
            frame(), Overrides(), second=second, found=objects(0) if found is None else found,
            in_background=background,
        )  # fmt: skip

    def all_done(self) -> None:
        wait_for(lambda: self.looks or self.made.tally.dropped)


@pytest.fixture
def compared() -> Iterator[Compared]:
    made = Compared()
    yield made
    made.pair.free.set()
    made.made.close()


def test_the_model_that_did_not_answer_is_shown_the_picture(compared: Compared) -> None:
    compared.begin(second=False)
    compared.all_done()
    assert compared.pair.shown == [True]
    first, second = compared.made.tally.models()
    assert (first.shown, second.shown, second.p50_ms, second.cpu_ms) == (0, 1, 20.0, 10.0)
    assert compared.made.tally.compared == 1


def test_times_beside_other_work_say_nothing_of_latency(compared: Compared) -> None:
    compared.begin(background=False)
    compared.all_done()
    assert compared.made.tally.models()[1].p50_ms is None


@pytest.mark.parametrize(
    ("error", "reason", "failed"),
    [
        (Overloaded("full"), "no room", 0),
        (DeadlineExceeded("late"), "no room", 0),
        (EngineUnavailable("it starts again"), "restarting", 0),
        (InferenceError("broken"), "failed", 1),
    ],
)
def test_what_is_not_compared_is_counted_with_its_reason(
    compared: Compared, error: Exception, reason: str, failed: int
) -> None:
    compared.pair.found = error
    compared.begin()
    compared.all_done()
    assert compared.made.tally.dropped == {reason: 1}
    assert compared.made.tally.models()[1].failed == failed
    assert compared.made.tally.compared == 0


def test_few_pictures_wait_and_the_rest_is_dropped(compared: Compared) -> None:
    compared.pair.free.clear()
    compared.begin()
    wait_for(lambda: compared.made.idle)  # the first one runs
    for _ in range(WAITING + 3):
        compared.begin()
    assert compared.made.tally.dropped == {"busy": 3}
    assert not compared.made.idle
    compared.pair.free.set()
    wait_for(lambda: compared.made.tally.compared == WAITING + 1)


def test_a_picture_of_before_a_change_does_not_count(compared: Compared) -> None:
    compared.pair.free.clear()
    compared.begin()
    compared.made.tally.reset()
    compared.pair.free.set()
    compared.all_done()
    assert (compared.made.tally.compared, compared.made.tally.dropped) == (0, {"restarting": 1})


def test_disagreement_is_told_with_what_the_first_has_found(compared: Compared) -> None:
    told: list[tuple[int, float]] = []
    compared.made.listen("gate", lambda _, found, agreement: told.append((len(found), agreement)))
    compared.pair.found = objects(0)
    compared.begin(objects(0))
    wait_for(lambda: compared.looks == 1)
    assert told == [], "they agree"
    compared.begin(objects(0, 1))
    wait_for(lambda: compared.looks == 2)
    assert told == [(2, pytest.approx(2 / 3))]
    compared.begin(objects(0, 1), second=True)
    wait_for(lambda: compared.looks == 3)
    assert told[1:] == [(1, pytest.approx(2 / 3))], "the second answered: what the first was shown"
    compared.made.listen("gate", None)
    compared.begin(objects(0, 1))
    wait_for(lambda: compared.looks == 4)
    assert len(told) == 2

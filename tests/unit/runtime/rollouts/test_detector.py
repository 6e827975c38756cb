"""Who answers, what happens where the second model fails, and that nobody waits for what is beside."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import pytest
from tests.circles import without_collector
from tests.unit.runtime.rollouts.conftest import FakePair, HeldDetector, call, frame, objects
from tests.waiting import wait_for

from sightline.errors import (
    Conflict,
    DeadlineExceeded,
    DecodeError,
    InferenceError,
    Overloaded,
    SightlineError,
)
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.rollout import Rollout

Make = Callable[..., Rollout]


def test_a_shadow_leaves_the_first_models_future_as_it_is(rollout: Make) -> None:
    first, pair = HeldDetector(), FakePair()
    pair.free.clear()  # what is beside hangs
    shadow = rollout("shadow", pair, share=1.0)
    future = shadow.around(first, call()).submit((frame(),))
    assert future is first.asked[0]
    first.asked[0].set_result([objects(0)])
    assert len(future.result(0)[0]) == 1
    pair.free.set()
    wait_for(lambda: shadow.stats().compared == 1)
    assert pair.shown == [True]
    stats = shadow.stats()
    assert (stats.first.answered, stats.second.shown, stats.second.cpu_ms) == (1, 1, 10.0)


@pytest.mark.parametrize(("chance", "answers"), [(0.2, "next"), (0.9, "street")])
def test_the_answer_tells_which_model_gave_it(rollout: Make, chance: float, answers: str) -> None:
    told: list[str] = []
    first, second = HeldDetector(), HeldDetector()
    split = rollout("split", FakePair(second), share=0.5, chance=lambda: chance)
    future = split.around(first, call(told=told.append)).submit((frame(),))
    (asked,) = (*first.asked, *second.asked)
    asked.set_result([objects(1)])
    assert future.result(0)[0].class_ids.tolist() == [1]
    assert told == [answers]


def test_one_key_always_has_one_model(rollout: Make) -> None:
    split = rollout("split", FakePair(), share=0.3)
    keys = [f"user {number}" for number in range(2000)]
    chosen = [split.sharing.chooses_second(key) for key in keys]
    assert chosen == [split.sharing.chooses_second(key) for key in keys]
    assert sum(chosen) / len(keys) == pytest.approx(0.3, abs=0.04)


def test_who_was_moved_over_stays_while_a_canary_grows(rollout: Make) -> None:
    canary = rollout("canary", FakePair(), steps=(0.1, 0.4), pictures=1)
    keys = [f"user {number}" for number in range(500)]
    before = {key for key in keys if canary.sharing.chooses_second(key)}
    canary._canary.step = 1  # type: ignore[union-attr]
    after = {key for key in keys if canary.sharing.chooses_second(key)}
    assert before < after


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        pytest.param(InferenceError("broken"), 1, id="failed"),
        pytest.param(ValueError("of a decoder"), 1, id="a fault of ours"),
        pytest.param(Overloaded("full"), 0, id="full"),
        pytest.param(Conflict("unloaded"), 0, id="not loaded"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_where_the_second_fails_the_first_answers(
    rollout: Make, error: Exception, counted: int, at_once: bool
) -> None:
    told: list[str] = []
    first, second = HeldDetector(), HeldDetector(error if at_once else None)
    split = rollout("split", FakePair(second), share=0.5, compare=0.0)
    future = split.around(first, call(told=told.append)).submit((frame(),))
    if not at_once:
        second.asked[0].set_exception(error)
    wait_for(lambda: first.asked)
    assert not future.done()
    first.asked[0].set_result([objects(0, 1)])
    assert len(future.result(5)[0]) == 2
    assert told == ["street"]
    assert split.stats().second.failed == counted
    assert split.stats().first.answered == 1


@pytest.mark.parametrize("error", [DecodeError("damaged"), DeadlineExceeded("too late")])
def test_what_is_nobodys_fault_is_not_tried_again(rollout: Make, error: SightlineError) -> None:
    first, second = HeldDetector(), HeldDetector()
    split = rollout("split", FakePair(second), share=0.5)
    future = split.around(first, call()).submit((frame(),))
    second.asked[0].set_exception(error)
    with pytest.raises(type(error)):
        future.result(5)
    assert not first.asked
    assert split.stats().second.failed == 0


def test_a_live_frame_that_a_newer_one_replaced_is_not_tried_again(rollout: Make) -> None:
    first, second = HeldDetector(), HeldDetector()
    split = rollout("split", FakePair(second), share=0.5)
    future = split.around(first, call(live=True)).submit((frame(),))
    second.asked[0].set_exception(Overloaded("a newer frame came"))
    with pytest.raises(Overloaded):
        future.result(5)
    assert not first.asked


def test_cancelling_reaches_the_model_that_answers(rollout: Make) -> None:
    first, second = HeldDetector(), HeldDetector()
    split = rollout("split", FakePair(second), share=0.5)
    detector = split.around(first, call())
    future = detector.submit((frame(),))
    assert future.cancel()
    assert second.asked[0].cancelled()
    assert not first.asked
    future = detector.submit((frame(),))
    second.asked[1].set_exception(InferenceError("broken"))
    wait_for(lambda: first.asked)
    assert future.cancel()
    assert first.asked[0].cancelled()


def test_objects_have_the_first_models_classes(rollout: Make) -> None:
    first, second = HeldDetector(), HeldDetector()
    mapping = ClassMapping(("person", "car"), np.array([1, 0], np.int64))
    split = rollout("split", FakePair(second), mapping, share=0.5, compare=0.0)
    future = split.around(first, call()).submit((frame(),))
    second.asked[0].set_result([objects(0, 0, 1)])
    assert future.result(0)[0].class_ids.tolist() == [1, 1, 0]
    # Names of classes are the first model's own: who asks for some is answered by it.
    split.around(first, call(classes=("car",))).submit((frame(),))
    assert len(first.asked) == 1


@pytest.mark.parametrize("error", [None, InferenceError("broken")], ids=["answers", "fails"])
def test_frames_that_the_second_model_was_shown_go_with_their_answer(
    rollout: Make, error: Exception | None
) -> None:
    first, second = HeldDetector(), HeldDetector()
    split = rollout("split", FakePair(second), share=0.5, chance=lambda: 0.1)
    with without_collector():
        shown = frame()
        left = weakref.ref(shown.picture)
        future = split.around(first, call()).submit((shown,))
        if error is None:
            second.asked[0].set_result([objects(1)])
        else:
            second.asked[0].set_exception(error)
            wait_for(lambda: bool(first.asked))
            first.asked[0].set_result([objects(1)])
        assert len(future.result(1)[0]) == 1
        for model in (first, second):
            model.asked.clear()
        del shown, future
        wait_for(lambda: left() is None)  # a thread that handed it on may still be on its way out

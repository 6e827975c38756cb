"""What is compared, what is dropped, and what follows from the figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.runtime.rollouts.conftest import FakePair, HeldDetector, call, frame, objects
from tests.waiting import wait_for

from sightline.errors import Conflict, EngineUnavailable, InferenceError, ModelError, Overloaded
from sightline.runtime.rollouts.comparisons import WAITING
from sightline.runtime.rollouts.rollout import Rollout
from sightline.types import RolloutReason

Make = Callable[..., Rollout]
BY_HAND = (RolloutReason("by hand", "by hand"),)


def answer(rollout: Rollout, found: object = None, index: int = 0) -> None:
    """One picture that the first model answers."""
    first = HeldDetector()
    rollout.around(first, call()).submit((frame(index),))
    first.asked[0].set_result([objects(0, 1) if found is None else found])  # type: ignore[list-item]


def test_the_share_of_pictures_is_compared(rollout: Make) -> None:
    numbers = iter([0.1, 0.3, 0.1, 0.9])
    shadow = rollout("shadow", FakePair(), share=0.2, chance=lambda: next(numbers))
    for _ in range(4):
        answer(shadow)
    wait_for(lambda: shadow.stats().compared == 2)
    stats = shadow.stats()
    assert stats.first.answered == 4
    assert stats.agreement == pytest.approx(2 / 3)  # a person of two objects, on both sides
    assert stats.per_class["car"].agreement == 0.0
    assert stats.per_class["person"].agreement == 1.0


def test_what_finds_no_place_is_dropped_and_counted(rollout: Make) -> None:
    pair = FakePair()
    pair.free.clear()
    shadow = rollout("shadow", pair, share=1.0)
    answer(shadow)
    wait_for(lambda: shadow._comparisons.idle)
    for _ in range(WAITING + 3):
        answer(shadow)
    assert shadow.stats().dropped == {"busy": 3}
    pair.free.set()
    wait_for(lambda: shadow.stats().compared == WAITING + 1)


@pytest.mark.parametrize(
    ("error", "reason", "failed"),
    [
        pytest.param(Overloaded("full"), "no room", 0, id="full"),
        pytest.param(EngineUnavailable("starts"), "restarting", 0, id="restarting"),
        pytest.param(InferenceError("broken"), "failed", 1, id="failed"),
    ],
)
def test_failures_beside_are_counted_and_nobody_sees_them(
    rollout: Make, error: Exception, reason: str, failed: int
) -> None:
    pair = FakePair()
    pair.found = error
    shadow = rollout("shadow", pair, share=1.0)
    answer(shadow)
    wait_for(lambda: shadow.stats().dropped == {reason: 1})
    assert shadow.stats().second.failed == failed


def test_a_canary_that_lost_a_class_is_rolled_back(
    rollout: Make, caplog: pytest.LogCaptureFixture
) -> None:
    pair = FakePair(HeldDetector())
    pair.found = objects(0)
    canary = rollout("canary", pair, compare=1.0, chance=lambda: 0.99)
    for _ in range(200):
        if canary.stats().state != "running":
            break
        answer(canary, objects(0, 1))
        wait_for(lambda: canary._comparisons.idle)
    wait_for(lambda: canary.stats().state == "rolled back")
    stats = canary.stats()
    assert stats.share == 0.0
    assert any("class car" in reason.message for reason in stats.reasons)
    assert stats.compared < 50
    assert "rolled back" in caplog.text
    assert not pair.done
    assert not canary.sharing.chooses_second(None)


def test_a_good_canary_is_promoted(rollout: Make) -> None:
    pair = FakePair(HeldDetector())
    pair.found = objects(0, 1)
    canary = rollout("canary", pair, compare=1.0, pictures=5, steps=(0.1, 0.2), chance=lambda: 0.99)
    for _ in range(10):
        answer(canary)
        wait_for(lambda: canary._comparisons.idle)
    wait_for(lambda: canary.stats().state == "promoted")
    assert pair.done == ["promote"]
    assert canary.share == 0.0
    with pytest.raises(Conflict, match="promoted already"):
        canary.promote(BY_HAND)
    with pytest.raises(Conflict, match="roll it back first"):
        canary.restart()
    canary.roll_back(BY_HAND)
    assert pair.done == ["promote", "restore"]
    canary.restart()
    assert (canary.stats().state, canary.stats().compared, canary.share) == ("running", 0, 0.1)


@pytest.mark.parametrize("loaded", ["street", "next"])
def test_a_model_that_is_loaded_again_is_judged_anew(rollout: Make, loaded: str) -> None:
    pair = FakePair(HeldDetector())
    pair.found = objects(0, 1)
    canary = rollout("canary", pair, compare=1.0, pictures=5, steps=(0.1, 0.2), chance=lambda: 0.99)
    for _ in range(6):
        answer(canary)
        wait_for(lambda: canary._comparisons.idle)
    wait_for(lambda: canary.share == 0.2)
    late = HeldDetector()  # of the model before
    canary.around(late, call()).submit((frame(),))
    pair.free.clear()
    answer(canary)  # is being compared
    canary.loaded_again("another")
    assert canary.share == 0.2
    canary.loaded_again(loaded)
    pair.free.set()
    late.asked[0].set_exception(InferenceError("broken"))
    wait_for(lambda: canary.stats().dropped == {"restarting": 1})
    stats = canary.stats()
    assert (stats.state, stats.compared, stats.share, stats.step) == ("running", 0, 0.1, 1)
    assert (stats.first.answered, stats.first.failed) == (0, 0)
    answer(canary)
    wait_for(lambda: canary.stats().compared == 1)
    canary.roll_back(BY_HAND)
    canary.loaded_again(loaded)  # what has ended stays so until somebody restarts it
    assert canary.stats().state == "rolled back"


def test_one_that_cannot_take_its_place_is_rolled_back(rollout: Make) -> None:
    pair = FakePair(HeldDetector())
    pair.found = objects(0, 1)
    pair.error = ModelError("the file is gone")
    canary = rollout("canary", pair, compare=1.0, pictures=1, steps=(0.1,), chance=lambda: 0.99)
    answer(canary)
    wait_for(lambda: canary.stats().state == "rolled back")
    assert "the file is gone" in canary.stats().reasons[0].message
    with pytest.raises(ModelError):
        canary.promote(BY_HAND)
    assert canary.stats().state == "rolled back"


def test_failures_of_answers_roll_a_canary_back(rollout: Make) -> None:
    pair = FakePair(HeldDetector(InferenceError("broken")))
    canary = rollout("canary", pair, compare=0.01, chance=lambda: 0.02, steps=(0.5,))
    first = HeldDetector()
    for number in range(12):
        future = canary.around(first, call()).submit((frame(),))
        first.asked[number].set_result([objects(0)])
        assert len(future.result(0)[0]) == 1  # nobody sees a failure
    wait_for(lambda: canary.stats().state == "rolled back")
    assert canary.stats().reasons[0].rule == "max_error_rate"


def test_examples_of_disagreement_are_kept(rollout: Make, tmp_path: Path) -> None:
    shadow = rollout("shadow", FakePair(), share=1.0, examples=tmp_path / "kept")
    answer(shadow, objects(0))
    wait_for(lambda: shadow.stats().compared == 1)
    assert not list(tmp_path.glob("kept/*"))  # they agree
    answer(shadow, objects(0, 1), index=7)
    wait_for(lambda: shadow.stats().examples == 1)
    (results,) = tmp_path.glob("kept/*.json")
    told = json.loads(results.read_text())
    assert (told["stream"], told["frame"]) == ("gate", 7)
    assert [len(told[side]["objects"]) for side in ("first", "second")] == [2, 1]
    assert (results.parent / told["picture"]).read_bytes().startswith(b"\xff\xd8")


def test_a_stream_is_answered_by_one_model_and_a_canary_takes_turns(rollout: Make) -> None:
    split = rollout("split", FakePair(), share=0.5)
    assert {split.sharing.key_of_frame(frame(index)) for index in range(0, 5000, 50)} == {"gate"}
    answering = split.sharing.model_of_stream("gate")
    assert answering == ("next" if split.sharing.chooses_second("gate") else "street")
    canary = rollout("canary", FakePair(), steps=(0.3,))
    turns = [
        canary.sharing.chooses_second(canary.sharing.key_of_frame(frame(i)))
        for i in range(0, 100_000, 250)
    ]
    assert 0.2 < sum(turns) / len(turns) < 0.4
    assert canary.sharing.model_of_stream("gate") == "street"

"""Which of two models answers: always the same for a key, in the share that is wanted."""

from __future__ import annotations

import pytest

from sightline.config import RolloutKind
from sightline.runtime.rollouts.sharing import FRAMES_IN_TURN, TrafficSharing
from sightline.types import Frame

KEYS = [f"client-{number}" for number in range(2000)]


def sharing(kind: RolloutKind, share: float, chance: float = 0.5, names: tuple[str, str] = ("a", "b")) -> TrafficSharing:  # fmt: skip
    return TrafficSharing(names, kind, lambda: share, lambda: chance)


def frame(stream: str, index: int) -> Frame:
    return Frame(stream, index, 0.0, 0.0, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["split", "canary"])
def test_none_and_all(kind: RolloutKind, share: float) -> None:
    found = {sharing(kind, share).chooses_second(key) for key in KEYS}
    assert found == {bool(share)}
    assert sharing(kind, share, chance=0.0).chooses_second(None) is bool(share)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
def test_keys_are_shared_as_wanted(share: float) -> None:
    chosen = sum(sharing("split", share).chooses_second(key) for key in KEYS)
    assert chosen / len(KEYS) == pytest.approx(share, abs=0.04)


def test_who_was_moved_over_stays_as_the_share_grows() -> None:
    moved: set[str] = set()
    for share in (0.05, 0.1, 0.3, 0.8, 1.0):
        now = {key for key in KEYS if sharing("canary", share).chooses_second(key)}
        assert moved <= now
        moved = now


def test_another_pair_of_models_moves_others() -> None:
    one, other = sharing("split", 0.5), sharing("split", 0.5, names=("a", "c"))
    same = sum(one.chooses_second(key) == other.chooses_second(key) for key in KEYS)
    assert same / len(KEYS) == pytest.approx(0.5, abs=0.05)


def test_a_shadow_never_answers() -> None:
    shadow = sharing("shadow", 1.0, chance=0.0)
    assert not any(shadow.chooses_second(key) for key in (None, *KEYS))
    assert shadow.model_of_stream("gate") == "a"


def test_without_a_key_it_is_chance() -> None:
    assert sharing("split", 0.3, chance=0.29).chooses_second(None)
    assert not sharing("split", 0.3, chance=0.3).chooses_second(None)


def test_a_stream_that_is_split_keeps_its_model_and_a_canary_sees_parts_of_each() -> None:
    split, canary = sharing("split", 0.5), sharing("canary", 0.5)
    frames = [frame("gate", index) for index in range(4 * FRAMES_IN_TURN)]
    assert {split.key_of_frame(one) for one in frames} == {"gate"}
    keys = [canary.key_of_frame(one) for one in frames]
    assert len(set(keys)) == 4
    assert keys[0] == keys[FRAMES_IN_TURN - 1] != keys[FRAMES_IN_TURN]
    assert canary.key_of_frame(frame("yard", 0)) != keys[0]
    streams = {split.model_of_stream(f"cam-{n}") for n in range(20)}
    assert streams == {"a", "b"}
    assert sharing("canary", 1.0).model_of_stream("gate") == "a"


def test_names_that_run_together_are_told_apart() -> None:
    """`a` and `bc` with key `d` are not `ab` and `c` with key `d`."""
    one, other = sharing("split", 0.5, names=("a", "bc")), sharing("split", 0.5, names=("ab", "c"))
    assert any(one.chooses_second(key) != other.chooses_second(key) for key in KEYS)

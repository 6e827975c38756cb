"""The hardest frames are kept, within the budget, no two of them alike."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.monitoring.hard_frames.appearance import (
    DIFFERENT,
    appearance_of_embedding,
    appearance_of_view,
    distances,
)
from sightline.monitoring.hard_frames.selection import HardFrame, HardFrameSelection, novelty
from sightline.types import Floats


def looks(*coordinates: float) -> Floats:
    return np.array(coordinates, np.float32)


def chosen(selection: HardFrameSelection[int], frames: list[tuple[float, Floats]]) -> list[int]:
    for number, (hard, appearance) in enumerate(frames):
        choice = selection.choose(HardFrame({"uncertain": hard}, appearance, number))
        if choice is not None:
            selection.take(choice)
    return [frame.item for frame in selection.frames()]


def scattered(hards: list[float]) -> list[tuple[float, Floats]]:
    """Frames that have nothing to do with one another."""
    return [(hard, looks(100.0 * number, 0)) for number, hard in enumerate(hards)]


def test_the_hardest_are_kept_in_order() -> None:
    frames = scattered([0.25, 0.75, 0.2, 0.5, 0.9, 0.3])
    assert chosen(HardFrameSelection(3), frames) == [4, 1, 3]


def test_frames_of_which_the_model_is_sure_are_not_collected() -> None:
    assert chosen(HardFrameSelection(10), scattered([0.0, 0.1])) == []


def test_of_frames_that_show_the_same_the_hardest_is_kept() -> None:
    frames = [(0.3, looks(0, 0)), (0.9, looks(0.5, 0)), (0.5, looks(0.4, 0)), (0.5, looks(9, 0))]
    assert chosen(HardFrameSelection(10), frames) == [1, 3]


def test_what_is_like_others_goes_before_what_is_new() -> None:
    crowd = [(0.6, looks(2.0 * number, 0)) for number in range(4)]
    assert 4 in chosen(HardFrameSelection(4), [*crowd, (0.5, looks(500, 0))])
    assert 4 not in chosen(HardFrameSelection(4), [*crowd, (0.2, looks(500, 0))])


def test_what_was_removed_makes_room() -> None:
    selection: HardFrameSelection[int] = HardFrameSelection(2)
    assert chosen(selection, scattered([0.9, 0.8])) == [0, 1]
    selection.remove(0)
    assert [frame.item for frame in selection.frames()] == [1]
    choice = selection.choose(HardFrame({"rare": 0.2}, looks(-50, 0), 7))
    assert choice is not None
    assert choice.replaced == ()


def test_novelty_counts_up_to_a_distance() -> None:
    assert novelty(0.0) == pytest.approx(0.5)
    assert novelty(DIFFERENT) == novelty(99.0) == pytest.approx(1.0)


def test_pictures_that_differ_by_two_grey_levels_show_the_same() -> None:
    view = np.random.default_rng(0).random((72, 128)).astype(np.float32) * 200
    here = appearance_of_view(view)
    others = np.stack([appearance_of_view(view + 1), appearance_of_view(view + 3)])
    near, far = distances(here, others)
    assert near < 1 < far


def test_embeddings_are_compared_by_their_angle() -> None:
    angles = np.deg2rad([0, 8, 16])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    here, *others = [appearance_of_embedding(vector) for vector in vectors]
    near, far = distances(here, np.stack(others))
    assert near < 1 < far


def chosen_plainly(budget: int, frames: list[tuple[float, Floats]]) -> list[int]:
    """What a selection keeps, with all distances worked out anew each time."""
    kept: list[int] = []

    def apart(one: int, among: list[int]) -> Floats:
        others = [frames[other][1] for other in among if other != one]
        return distances(frames[one][1], np.stack(others)) if others else looks()

    def worth(one: int, among: list[int]) -> float:
        return frames[one][0] * float(novelty(apart(one, among).min(initial=np.inf)))

    for new, (hard, _) in enumerate(frames):
        alike = [one for one, far in zip(kept, apart(new, [*kept, new]), strict=True) if far < 1]
        if any(frames[one][0] >= hard for one in alike):
            continue
        if not alike and len(kept) == budget:
            least = min(kept, key=lambda one: worth(one, [*kept, new]))
            if worth(least, [*kept, new]) >= worth(new, kept):
                continue
            alike = [least]
        kept = [*(one for one in kept if one not in alike), new]
    return sorted(kept, key=lambda one: -frames[one][0])


@pytest.mark.parametrize("seed", range(20))
def test_it_keeps_what_a_plain_search_keeps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 12, (60, 2)).astype(np.float32)
    frames = list(zip(rng.uniform(0.2, 1, 60).tolist(), places, strict=True))
    assert chosen(HardFrameSelection(6), frames) == chosen_plainly(6, frames)

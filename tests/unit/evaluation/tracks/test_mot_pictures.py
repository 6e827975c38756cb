"""Which frame of the truth each picture of a sequence is."""

from __future__ import annotations

import pytest

from sightline.evaluation.notes import Notes
from sightline.evaluation.tracks.mot_pictures import frame_numbers


@pytest.mark.parametrize(
    ("names", "annotated", "expected", "note"),
    [
        pytest.param(["000001.jpg", "000002.jpg"], [1, 2], [1, 2], "", id="from 1"),
        pytest.param(["000301.jpg", "000302.jpg"], [301, 302], [301, 302], "", id="from 301"),
        pytest.param(["1.jpg", "6.jpg", "11.jpg"], [1, 6], [1, 6, 11], "", id="every fifth"),
        pytest.param(["frame_0.png", "frame_1.png"], [1, 2], [1, 2], "", id="from 0"),
        pytest.param(["cam2_0005.jpg", "cam2_0006.jpg"], [5, 6], [5, 6], "", id="other numbers"),
        pytest.param(["000301.jpg", "000302.jpg"], [1, 2], [1, 2], "as frame 1", id="renumbered"),
        pytest.param(["a.jpg", "b.jpg"], [1, 2], [1, 2], "", id="no numbers"),
        pytest.param(["a1.jpg", "b1.jpg"], [1, 2], [1, 2], "", id="one number twice"),
    ],
)
def test_frames_of_pictures(
    names: list[str], annotated: list[int], expected: list[int], note: str
) -> None:
    notes = Notes()
    assert frame_numbers(names, annotated, notes) == expected
    assert note in "".join(notes.lines())
    assert bool(notes.lines()) == bool(note)

"""Parts of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.imaging.cropped import CroppedPicture, canvas, scaled_pixels
from sightline.types import ChannelOrder, Frame, Pixels

RAMP = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


class Whole:
    """A picture of which only the whole can be made."""

    width, height = 8, 6

    def __init__(self) -> None:
        self.made = 0

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        self.made += 1
        return scaled_pixels(RAMP, width, height, order, out)


class Partly(Whole):
    """A picture of which parts can be made, but for those that begin at the left edge."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[tuple[int, int, int, int]] = []

    def scaled_part(
        self, part: tuple[int, int, int, int], width: int, height: int, order: ChannelOrder,
        out: Pixels | None = None,
    ) -> Pixels | None:  # fmt: skip
        if part[0] == 0:
            return None
        self.parts.append(part)
        left, top, right, bottom = part
        return scaled_pixels(RAMP[top:bottom, left:right], width, height, order, out)


def frame(picture: Whole) -> Frame:
    return Frame("s", 0, 0.0, 0.0, picture)


@pytest.mark.parametrize("make", [Whole, Partly])
def test_pixels_of_a_part(make: type[Whole]) -> None:
    part = CroppedPicture(frame(make()), (2, 1, 6, 4))
    assert (part.width, part.height) == (4, 3)
    assert (part.scaled(4, 3, "bgr") == RAMP[1:4, 2:6]).all()
    assert (part.scaled(4, 3, "rgb") == RAMP[1:4, 2:6, ::-1]).all()
    assert part.scaled(2, 2, "bgr").shape == (2, 2, 3)


@pytest.mark.parametrize("make", [Whole, Partly])
def test_a_part_of_a_part(make: type[Whole]) -> None:
    part = CroppedPicture(frame(make()), (2, 1, 6, 5))
    assert (part.scaled_part((1, 1, 3, 4), 2, 3, "bgr") == RAMP[2:5, 3:5]).all()
    with pytest.raises(ValueError, match="is not within the frame"):
        part.scaled_part((1, 1, 9, 4), 2, 3, "bgr")


def test_the_whole_is_made_once_and_only_where_it_must_be() -> None:
    whole, partly = Whole(), Partly()
    for left in (1, 2, 3):
        CroppedPicture(frame(partly), (left, 0, 8, 6)).scaled(4, 3, "bgr")
    assert (partly.made, len(partly.parts)) == (0, 3)
    CroppedPicture(frame(partly), (0, 0, 4, 6)).scaled(4, 6, "bgr")
    assert partly.made == 1
    own = frame(whole)
    for left in (1, 2, 3):
        CroppedPicture(own, (left, 0, 8, 6)).scaled(4, 3, "bgr")
    assert whole.made == 1


@pytest.mark.parametrize(
    "part", [(0, 0, 0, 6), (3, 0, 2, 6), (-1, 0, 8, 6), (0, 0, 9, 6), (0, 5, 8, 7)]
)
def test_parts_that_are_none(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="is not within the frame of 8×6"):
        CroppedPicture(frame(Whole()), part)


def test_pixels_are_written_where_they_are_wanted() -> None:
    wide = np.zeros((3, 10, 3), np.uint8)
    middle = wide[:, 3:7]
    assert scaled_pixels(RAMP[1:4, 2:6], 4, 3, "bgr", middle) is middle
    assert (wide[:, 3:7] == RAMP[1:4, 2:6]).all()
    assert not wide[:, :3].any()


@pytest.mark.parametrize("out", [np.zeros((4, 3, 3), np.uint8), np.zeros((3, 4, 3), np.float32)])
def test_an_array_of_another_shape_or_type(out: Pixels) -> None:
    with pytest.raises(ValueError, match=r"out must be \(3, 4, 3\) uint8, not"):
        canvas(4, 3, out)

"""Parts of frames: the same pixels as of the whole picture, of which only they are made."""

from __future__ import annotations

import av
import numpy as np
import pytest

from sightline.models.crops import parts_of
from sightline.sources.pictures import ArrayPicture, Scalers, VideoPicture
from sightline.types import Frame, Picture

PIXELS = np.random.default_rng(0).integers(0, 255, (360, 641, 3), np.uint8)
ODD = [[11, 20, 60, 71], [0, 0, 1, 1], [301, 299, 402, 360]]


def decoded(width: int) -> VideoPicture:
    """A picture as a decoder leaves it."""
    pixels = np.ascontiguousarray(PIXELS[:, :width])
    frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
    return VideoPicture(frame.reformat(format="yuv420p"), Scalers())


def frame_of(picture: Picture) -> Frame:
    return Frame("s", 0, 0.0, 0.0, picture)


@pytest.mark.parametrize(
    ("picture", "off"),
    [
        pytest.param(decoded(640), 0, id="video"),
        pytest.param(decoded(641), 3, id="video of odd width, which FFmpeg converts whole"),
        pytest.param(ArrayPicture(PIXELS), 0, id="array"),
    ],
)
def test_parts_have_the_pixels_of_the_whole_picture(picture: Picture, off: int) -> None:
    parts = parts_of(frame_of(picture), np.array(ODD))
    whole = frame_of(picture).image.astype(int)
    for part, (x0, y0, x1, y1) in zip(parts, ODD, strict=True):
        assert part.shape == (y1 - y0, x1 - x0, 3)
        assert np.abs(part - whole[y0:y1, x0:x1]).max() <= off


@pytest.mark.parametrize(
    ("cuts", "whole"), [(ODD, False), ([[0, 0, 600, 360]], True), (ODD[:1] * 20, True)],
    ids=["few", "large", "many"],
)  # fmt: skip
def test_the_whole_picture_is_made_only_where_parts_cost_as_much(
    cuts: list[list[int]], whole: bool
) -> None:
    frame = frame_of(decoded(640))
    assert len(parts_of(frame, np.array(cuts))) == len(cuts)
    assert ("image" in vars(frame)) == whole

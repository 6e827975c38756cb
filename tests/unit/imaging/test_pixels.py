"""Arrays that callers hand in as pixels."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.imaging.pixels import bgr_pixels, pixels_of
from sightline.sources.stills import still_frame
from sightline.types import Frame

BGR = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_pixels_are_not_copied() -> None:
    assert bgr_pixels(BGR) is BGR


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(BGR[..., 0], id="grey"),
        pytest.param(BGR[..., :1], id="grey with an axis"),
        pytest.param(np.asfortranarray(BGR[..., 0]), id="grey, not contiguous"),
    ],
)
def test_grey_is_grey_in_all_channels(array: np.ndarray) -> None:
    found = bgr_pixels(array)
    assert found.shape == (4, 5, 3)
    assert (found == BGR[..., :1]).all()


def test_transparency_is_dropped() -> None:
    array = np.dstack((BGR, np.zeros((4, 5), np.uint8)))
    assert (bgr_pixels(array) == BGR).all()


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (BGR.astype(np.float32), r"not \(4, 5, 3\) float32: \(array \* 255\)\.astype"),
        (BGR.astype(np.uint16), r"16 bits are \(array >> 8\)"),
        (BGR.astype(np.int64), r"array\.astype\(np\.uint8\) where its values are 0 to 255"),
        (BGR > 3, r"a mask is array\.astype\(np\.uint8\) \* 255"),
        (np.array(["a.jpg", "b.jpg"]), r"several paths are a list, array\.tolist\(\)"),
        (np.array([BGR, None], object), r"several paths or pictures are a list"),
        (BGR.astype(np.complex64), "make it uint8"),
        (BGR.transpose(2, 0, 1), r"channels come last, array\.transpose\(1, 2, 0\)"),
        (BGR[None], r"several pictures are a list, list\(array\)"),
        (BGR.transpose(2, 0, 1)[None], r"list\(array\.transpose\(0, 2, 3, 1\)\)"),
        (BGR.ravel(), r"the bytes of a picture file are array\.tobytes\(\)"),
        (BGR[:0], "it has no pixels"),
        (np.zeros((6, 5, 2), np.uint8), r"not \(6, 5, 2\) uint8$"),
    ],
)
def test_the_rest_is_refused_with_a_remedy(array: np.ndarray, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        bgr_pixels(array)
    with pytest.raises(ConfigError, match=rf"^image: a picture must be .*{remedy}"):
        pixels_of(array, None)


def known() -> Frame:
    return still_frame(BGR, name="s")


def test_what_is_drawn_on() -> None:
    other = np.zeros((2, 2, 3), np.uint8)
    assert pixels_of(other, known()) is other
    assert (pixels_of(known(), None) == BGR).all()
    frame = known()
    assert (pixels_of(None, frame) == BGR).all()
    assert "image" not in frame.__dict__  # they are not kept with the frame


@pytest.mark.parametrize("image", ["a.jpg", [BGR], 3])
def test_what_are_no_pixels(image: object) -> None:
    with pytest.raises(ConfigError, match=f"or a Frame, not a {type(image).__name__}"):
        pixels_of(image, known())
    with pytest.raises(ConfigError, match="do not know their picture"):
        pixels_of(None, None)

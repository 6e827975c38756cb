"""What is within the boxes cannot be recognised; all else stays as it is."""

from __future__ import annotations

import numpy as np

from sightline.imaging.blurring import blurred


def test_only_boxes_are_blurred() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    changed = blurred(
        pixels, np.array([[10, 5, 30, 25], [50, 30, 90, 90], [-9, -9, -1, -1]], np.float32)
    )
    same = np.ones((40, 60), np.bool_)
    same[5:25, 10:30] = same[30:, 50:] = False
    np.testing.assert_array_equal(changed[same], pixels[same])
    assert changed[8:22, 13:27].std() < pixels[8:22, 13:27].std() / 4
    assert changed[30:, 50:].std() < pixels[30:, 50:].std() / 2


def test_the_picture_itself_is_left_as_it_is() -> None:
    pixels = np.full((8, 8, 3), 7, np.uint8)
    assert blurred(pixels, np.zeros((0, 4), np.float32)) is not pixels

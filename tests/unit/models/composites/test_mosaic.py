"""Parts lie side by side in a mosaic: none over another, each with the pixels of its frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.models.composites.mosaic import GAP, MosaicPicture, packed
from sightline.sources.pictures import ArrayPicture
from sightline.types import Frame

SIZE = (640, 384)
RNG = np.random.default_rng(5)
FRAME = Frame("cam", 0, 0.0, 0.0, ArrayPicture(RNG.integers(0, 255, (400, 600, 3), np.uint8)))

parts = st.lists(
    st.tuples(
        st.integers(0, 250), st.integers(0, 150), st.integers(2, 150), st.integers(2, 100)
    ).map(lambda p: (2 * p[0], 2 * p[1], 2 * p[0] + 2 * p[2], 2 * p[1] + 2 * p[3])),
    min_size=1,
    max_size=12,
)


@given(parts, st.floats(0.2, 1))
@settings(deadline=None)
def test_patches_lie_within_the_mosaic_and_apart(
    wanted: list[tuple[int, int, int, int]], scale: float
) -> None:
    patches = packed(wanted, [scale] * len(wanted), SIZE)
    if patches is None:
        assert (
            sum((part[2] - part[0]) * (part[3] - part[1]) for part in wanted) * scale**2
            > 0.2 * SIZE[0] * SIZE[1]
        )
        return
    taken = np.zeros((SIZE[1], SIZE[0]), np.int64)
    for patch, part in zip(patches, wanted, strict=True):
        left, top, right, bottom = patch.box
        assert patch.part == part
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        taken[top : bottom + GAP, left : right + GAP] += 1
    assert taken.max() == 1


def test_pixels_are_those_of_the_parts() -> None:
    wanted = [(10, 20, 110, 80), (300, 100, 340, 300), (0, 0, 600, 400)]
    patches = packed(wanted, [1, 1, 0.5], SIZE)
    assert patches is not None
    image = MosaicPicture(FRAME, patches, SIZE).scaled(*SIZE, "bgr")
    rest = np.ones((SIZE[1], SIZE[0]), np.bool_)
    for patch, (left, top, right, bottom) in zip(patches, wanted, strict=True):
        a, b, c, d = patch.box
        rest[b:d, a:c] = False
        if patch.spot.width == right - left:
            assert np.array_equal(image[b:d, a:c], FRAME.image[top:bottom, left:right])
    assert (image[rest] == 114).all()


def test_a_mosaic_may_be_asked_for_at_another_size() -> None:
    patches = packed([(0, 0, 300, 200)], [1], SIZE)
    assert patches is not None
    picture = MosaicPicture(FRAME, patches, SIZE)
    assert picture.scaled(320, 192, "rgb").shape == (192, 320, 3)


@pytest.mark.parametrize("wanted", [[(0, 0, 700, 100)], [(0, 0, 500, 300)] * 2])
def test_what_does_not_fit_is_refused(wanted: list[tuple[int, int, int, int]]) -> None:
    assert packed(wanted, [1] * len(wanted), SIZE) is None

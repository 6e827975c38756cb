"""Pixels as a network wants them, against the formula."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.engines.host_normalization import HostNormalization
from sightline.types import Normalization

PIXELS = np.random.default_rng(2).integers(0, 256, (3, 5, 7, 3), np.uint8)

CASES = {
    "as they are": Normalization(),
    "0 to 1": Normalization(1 / 255),
    "-1 to 1": Normalization(1 / 127.5, (1.0, 1.0, 1.0)),
    "ImageNet": Normalization(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "one channel shifted": Normalization(1.0, (0.0, 3.0, 0.0), (1.0, 2.0, 1.0)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("normalization", CASES.values(), ids=CASES)
def test_values(normalization: Normalization, dtype: type) -> None:
    planes = np.full((3, 3, 5, 7), np.nan, dtype)
    HostNormalization(normalization).apply(PIXELS, planes)
    scaled = PIXELS.astype(np.float64) * normalization.scale
    expected = ((scaled - normalization.mean) / normalization.std).transpose(0, 3, 1, 2)
    tolerance = 1e-5 if dtype is np.float32 else 2e-3
    assert planes == pytest.approx(expected, rel=tolerance, abs=tolerance)


def test_pixels_of_a_view_are_taken_as_they_lie() -> None:
    planes = np.empty((3, 3, 5, 7), np.float32)
    HostNormalization(Normalization()).apply(PIXELS[:, ::-1, :, ::-1], planes)
    assert (planes == PIXELS[:, ::-1, :, ::-1].transpose(0, 3, 1, 2)).all()


def test_a_batch_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        HostNormalization(Normalization()).apply(PIXELS, np.empty((2, 3, 5, 7), np.float32))

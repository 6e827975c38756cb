"""JPEG decoded at a part of its size, and what is left to another decoder."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from sightline.sources.image_header import ImageHeader, read_header
from sightline.sources.jpeg import decode_jpeg

PIXELS = np.zeros((50, 75, 3), np.uint8)
PIXELS[:, 40:] = (200, 60, 20)
JPEG = cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def header() -> ImageHeader:
    found = read_header(JPEG)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("step", "shape"), [(1, (50, 75)), (2, (25, 38)), (4, (13, 19)), (8, (7, 10))]
)
def test_parts_of_its_size(step: int, shape: tuple[int, int]) -> None:
    found = decode_jpeg(JPEG, header(), step)
    assert found is not None
    assert found.shape == (*shape, 3)
    assert np.abs(found[:, -2].astype(int) - (200, 60, 20)).max() < 20  # BGR
    assert np.abs(found[:, 1].astype(int)).max() < 20


def test_what_is_left_to_another_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decode_jpeg(JPEG, header()._replace(orientation=6)) is None
    assert decode_jpeg(b"\xff\xd8\xff" + bytes(40), header()) is None
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    assert decode_jpeg(JPEG, header()) is None

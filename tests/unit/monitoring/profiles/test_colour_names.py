"""Names of colours, against colours that everybody knows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sightline.monitoring.profiles.colour_names import colour_names


def pair(red: int, green: int, blue: int) -> tuple[int, int]:
    """Cb and Cr (Rec. 601) of an RGB colour."""
    pixel = np.array([[[red, green, blue]]], np.uint8)
    _, cr, cb = cv2.cvtColor(pixel, cv2.COLOR_RGB2YCrCb)[0, 0]
    return int(cb), int(cr)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 0, 0), "red"),
        ((120, 20, 20), "red"),
        ((255, 140, 0), "orange"),
        ((255, 255, 0), "yellow"),
        ((0, 255, 0), "green"),
        ((30, 90, 30), "green"),
        ((0, 255, 255), "cyan"),
        ((0, 0, 255), "blue"),
        ((255, 0, 255), "pink"),
        ((130, 60, 220), "violet"),
        ((0, 0, 0), "grey"),
        ((255, 255, 255), "grey"),
        ((128, 128, 128), "grey"),
        ((130, 126, 124), "grey"),
    ],
)
def test_a_colour_is_called_what_people_call_it(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_names(np.array([pair(*rgb)], np.uint8)) == [name]


def test_many_at_once_in_their_order_and_rounded() -> None:
    pairs = np.array([pair(255, 0, 0), (128, 128), pair(0, 0, 255)], np.float32)
    assert colour_names(pairs + 0.4) == ["red", "grey", "blue"]
    assert colour_names(np.empty((0, 2), np.uint8)) == []


def test_the_ends_of_the_range_have_names() -> None:
    corners = np.array([[0, 0], [0, 255], [255, 0], [255, 255]], np.uint8)
    assert "grey" not in colour_names(corners)

"""A view that was turned, zoomed or covered in part is told from one that is lit differently."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.monitoring.drift.view import covered_share, hidden_share, view_change

View = NDArray[np.float32]


def wide_scene() -> View:
    """Twice as wide and high as a view, so that it can be turned and zoomed."""
    rng = np.random.default_rng(3)
    drawn = np.full((288, 512), 100, np.uint8)
    for _ in range(160):
        x, y, w, h = rng.integers(0, (480, 260, 60, 40)).tolist()
        cv2.rectangle(drawn, (x, y), (x + w, y + h), int(rng.integers(20, 235)), -1)
    return drawn.astype(np.float32)


def view(right: float = 0.0, down: float = 0.0, zoom: float = 1.0) -> View:
    """What a camera sees that was turned by shares of its picture, and zoomed."""
    width, height = 256 / zoom, 144 / zoom
    size = (round(width), round(height))
    middle = (256 + right * width, 144 + down * height)
    part = cv2.getRectSubPix(wide_scene(), size, middle)
    return np.asarray(cv2.resize(part, (128, 72), interpolation=cv2.INTER_AREA), np.float32)


@pytest.mark.parametrize("turned", [(0.0, 0.0), (0.1, 0.0), (-0.08, 0.05), (0.03, -0.1)])
def test_a_turn_is_measured(turned: tuple[float, float]) -> None:
    found = view_change(view(), view(*turned))
    assert found.known
    assert (-found.right, -found.down) == pytest.approx(turned, abs=0.012)
    assert found.zoom == 1.0


@pytest.mark.parametrize("zoom", [0.85, 1.1, 1.25])
def test_a_zoom_is_measured(zoom: float) -> None:
    found = view_change(view(), view(zoom=zoom))
    assert found.zoom == pytest.approx(zoom, rel=0.03)
    assert found.distance < 0.02


@pytest.mark.parametrize(
    ("gain", "offset"), [(0.4, 0.0), (1.3, 0.0), (0.7, 60.0)], ids=["dark", "bright", "haze"]
)
def test_light_moves_nothing(gain: float, offset: float) -> None:
    found = view_change(view(), np.clip(view() * gain + offset, 0, 255).astype(np.float32))
    assert found.distance < 0.012
    assert found.zoom == 1.0
    assert covered_share(view(), view() * gain + offset) == 0


def test_another_scene_is_not_known() -> None:
    other = np.random.default_rng(9).random((72, 128)).astype(np.float32) * 255
    assert not view_change(view(), other).known


def test_what_is_covered_is_a_share_of_the_detail() -> None:
    dirty = view()
    dirty[10:40, 20:70] = 128
    share = covered_share(view(), dirty)
    assert 0.08 < share < 0.35
    assert covered_share(view(), view()) == 0
    assert covered_share(np.full((72, 128), 80, np.float32), view()) == 0  # nothing could be lost


def covered_by(x: int, y: int, width: int, height: int, grey: float) -> View:
    """The scene behind something of one shade; in cells of 8 x 8 pixels."""
    found = view()
    found[8 * y : 8 * (y + height), 8 * x : 8 * (x + width)] = grey
    return found


@pytest.mark.parametrize(
    ("cell", "share"),
    [((0, 0, 4, 9), 0.25), ((0, 0, 8, 9), 0.5), ((0, 0, 16, 3), 0.33), ((1, 1, 14, 8), 0.78), ((0, 0, 16, 9), 1.0)],
    ids=["tape", "half", "top", "hand", "bag"],
)  # fmt: skip
@pytest.mark.parametrize("grey", [16, 90, 230])
def test_what_hides_the_scene_is_a_share_of_it(
    cell: tuple[int, int, int, int], share: float, grey: float
) -> None:
    found = hidden_share(view(), covered_by(*cell, grey))
    assert share - 0.21 < found < share + 0.08  # the cells along its border show an edge: its own


@pytest.mark.parametrize(
    "changed",
    [
        view(),
        view() * 0.4,
        np.clip(view() * 1.6, 0, 255),
        view() * 0.3 + 140,
        cv2.GaussianBlur(view(), (0, 0), 2),
        view(right=0.1),
        view(zoom=1.15),
        np.full((72, 128), 80, np.float32) + np.random.default_rng(0).normal(0, 9, (72, 128)),
    ],
    ids=["nothing", "dark", "bright", "haze", "blur", "turned", "zoomed", "noise"],
)
def test_what_changes_all_of_the_scene_hides_none_of_it(changed: View) -> None:
    assert hidden_share(view(), changed.astype(np.float32)) == 0


def test_of_a_scene_without_detail_nothing_is_hidden() -> None:
    assert hidden_share(np.full((72, 128), 80, np.float32), view()) == 0

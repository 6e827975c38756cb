"""What tracked objects looked like."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.tracking.gallery import Gallery
from sightline.types import Floats


def unit(*angles: float) -> Floats:
    """Vectors of length 1 at these angles, in degrees."""
    radians = np.deg2rad(angles)
    return np.stack((np.cos(radians), np.sin(radians)), axis=1).astype(np.float32)


def seen(gallery: Gallery, slot: int, *angles: float) -> None:
    for angle in angles:
        vector = unit(angle)
        best = gallery.cosines(vector)[slot]
        gallery.add(np.array([slot]), vector, best)


def test_the_best_cosine_with_what_is_kept() -> None:
    gallery = Gallery(3, alike=0.999)
    first, second = gallery.take(2).tolist()
    seen(gallery, first, 0, 40)
    seen(gallery, second, 90)
    cosines = gallery.cosines(unit(30, 90))
    assert cosines[first] == pytest.approx(np.cos(np.deg2rad([10, 50])), abs=1e-6)
    assert cosines[second] == pytest.approx(np.cos(np.deg2rad([60, 0])), abs=1e-6)


def test_the_oldest_is_replaced() -> None:
    gallery = Gallery(2, alike=0.999)
    (slot,) = gallery.take(1).tolist()
    seen(gallery, slot, 0, 30, 60)
    assert gallery.cosines(unit(0))[slot, 0] == pytest.approx(np.cos(np.deg2rad(30)), abs=1e-6)


def test_what_tells_nothing_new_replaces_nothing() -> None:
    gallery = Gallery(2, alike=np.cos(np.deg2rad(5)))
    (slot,) = gallery.take(1).tolist()
    seen(gallery, slot, 0, 30, 31, 2, 29)
    assert gallery.cosines(unit(0))[slot, 0] == pytest.approx(1)


def test_zeros_are_no_vector() -> None:
    gallery = Gallery(2, alike=0.9)
    slots = gallery.take(2)
    vectors = np.stack((np.zeros(2, np.float32), unit(10)[0]))
    gallery.add(slots, vectors, np.zeros(2, np.float32))
    assert gallery.known(slots).tolist() == [False, True]


def test_slots_are_used_again_and_empty_then() -> None:
    gallery = Gallery(2, alike=0.9)
    slots = gallery.take(3)
    gallery.add(slots, unit(0, 30, 60), np.zeros(3, np.float32))
    gallery.keep(slots[1:])
    again = gallery.take(1)
    assert again.tolist() == slots[:1].tolist()
    assert not gallery.known(again).any()
    assert gallery.cosines(unit(0))[again[0], 0] == 0


def test_more_slots_than_there_were() -> None:
    gallery = Gallery(2, alike=0.9)
    first = gallery.take(20)
    gallery.add(first[:1], unit(0), np.zeros(1, np.float32))
    more = gallery.take(100)
    assert len({*first.tolist(), *more.tolist()}) == 120
    assert gallery.cosines(unit(0))[first[0], 0] == pytest.approx(1)
    assert len(Gallery(2, 0.9).cosines(unit(0))) == 0


def test_vectors_of_another_embedder_begin_anew() -> None:
    gallery = Gallery(2, alike=0.9)
    slots = gallery.take(1)
    gallery.add(slots, unit(0), np.zeros(1, np.float32))
    longer = np.eye(1, 5, dtype=np.float32)
    assert gallery.cosines(longer)[slots[0], 0] == 0
    assert not gallery.known(slots).any()

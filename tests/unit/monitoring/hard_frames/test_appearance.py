"""How alike frames look: below 1 the same, from 6 on nothing to do with one another."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.monitoring.hard_frames.appearance import (
    DIFFERENT,
    appearance_of,
    appearance_of_embedding,
    appearance_of_view,
    distances,
)
from sightline.types import Floats, Frame

RNG = np.random.default_rng(4)
STREET = RNG.uniform(40, 200, (18, 32)).repeat(5, 0).repeat(5, 1).astype(np.float32)


def apart(one: Floats, other: Floats) -> float:
    return float(distances(appearance_of_view(one), appearance_of_view(other)[None])[0])


def test_a_vector_has_one_length_whatever_the_picture_has() -> None:
    for shape in ((18, 32), (90, 160), (7, 9)):
        vector = appearance_of_view(np.full(shape, 90, np.float32))
        assert (vector.shape, vector.dtype) == ((576,), np.float32)


def test_the_same_and_noise_are_the_same() -> None:
    assert apart(STREET, STREET) == 0
    noise = STREET + RNG.normal(0, 2, STREET.shape).astype(np.float32)
    assert apart(STREET, noise) < 1


def test_another_view_is_another_picture() -> None:
    assert apart(STREET, STREET[::-1]) > DIFFERENT
    assert apart(STREET, np.roll(STREET, 40, 1)) > DIFFERENT


def test_at_night_all_is_dark_and_noise_is_no_difference() -> None:
    dark = [RNG.normal(12, 0.3, (90, 160)).astype(np.float32) for _ in range(2)]
    assert apart(*dark) < 1


def unit(angle: float) -> Floats:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_embeddings_are_the_same_by_their_cosine() -> None:
    one = appearance_of_embedding(unit(0.0))
    near, far = np.arccos(0.981), np.arccos(0.979)
    others = np.stack([appearance_of_embedding(unit(angle)) for angle in (0, near, far, np.pi)])
    found = distances(one, others)
    assert found[0] == 0
    assert found[1] < 1 < found[2]
    assert found[3] > DIFFERENT
    assert found.dtype == np.float32


def test_no_others() -> None:
    assert distances(unit(0.0), np.empty((0, 2), np.float32)).shape == (0,)


class Embedder:
    def submit(self, frame: Frame, boxes: Any) -> Future[Floats]:
        assert boxes.tolist() == [[0, 0, frame.width, frame.height]]
        future: Future[Floats] = Future()
        future.set_result(np.array([[1.0, 0.0]], np.float32))
        return future


def test_a_frame_looks_as_its_embedding_or_its_view_tells(observe: Any) -> None:
    frame = observe().frame
    assert appearance_of(frame, Embedder()) == pytest.approx(appearance_of_embedding(unit(0.0)))  # type: ignore[arg-type]
    known = appearance_of(frame, None, STREET)
    assert (known == appearance_of_view(STREET)).all()
    large = observe(size=(256, 144)).frame
    grey = appearance_of_view(np.full((9, 16), 90, np.float32))
    assert appearance_of(large, None) == pytest.approx(grey, rel=0.05)

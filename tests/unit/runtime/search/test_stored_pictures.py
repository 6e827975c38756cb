"""Vectors of another embedder, made of the pictures that a database keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.unit.runtime.search.conftest import embedding, units

from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import StoredEmbeddings
from sightline.runtime.search.stored_pictures import box_in_picture, embed_pictures
from sightline.types import EmbedderInfo, Floats, Frame

OTHER = EmbedderInfo("brightness", "cd" * 32, 2)


class Brightness:
    """Tells bright crops from dark ones."""

    dimensions, info = 2, OTHER

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        future: Future[Floats] = Future()
        ((x0, y0, x1, y1),) = boxes.astype(int).tolist()
        angle = frame.image[y0:y1, x0:x1].mean() / 255 * np.pi / 2
        future.set_result(np.array([[np.cos(angle), np.sin(angle)]], np.float32))
        return future


@pytest.fixture
def stored(store: Callable[..., None], database: Path) -> Iterator[StoredEmbeddings]:
    """Three tracks: a dark one, a bright one, and one whose picture is damaged; and one without a picture."""
    dark, bright = (
        cv2.imencode(".jpg", np.full((46, 35, 3), level, np.uint8))[1].tobytes()
        for level in (20, 230)
    )
    pictures = [dark, bright, b"no picture", b""]
    store(
        [
            embedding(v, i, picture=p)
            for i, (v, p) in enumerate(zip(units(4), pictures, strict=True))
        ]
    )
    opened = StoredEmbeddings(database)
    yield opened
    opened.close()


def test_kept_pictures_are_embedded(stored: StoredEmbeddings, database: Path) -> None:
    assert list(embed_pictures(stored, Brightness())) == [(2, 1)]  # type: ignore[arg-type]
    searcher = Searcher(database, OTHER)
    bright = np.array([[0, 1]], np.float32)[0]
    assert [m.track_id for m in searcher.search(bright)] == [1, 0]
    assert searcher.search(bright, 1)[0].box == (1, 2, 30, 40)
    searcher.close()
    again = list(embed_pictures(stored, Brightness()))  # type: ignore[arg-type]
    assert again == [(0, 1)], "what has a vector is left out"


def test_a_better_crop_is_embedded_again(
    stored: StoredEmbeddings, store: Callable[..., None], database: Path
) -> None:
    list(embed_pictures(stored, Brightness()))  # type: ignore[arg-type]
    grey = cv2.imencode(".jpg", np.full((46, 35, 3), 127, np.uint8))[1].tobytes()
    store([embedding(units(1)[0], 9, picture=grey, frame=5)])
    assert list(embed_pictures(stored, Brightness())) == [(1, 1)]  # type: ignore[arg-type]


def test_where_the_box_is_in_its_picture() -> None:
    inside = box_in_picture((100, 100, 200, 150), (640, 480), (120, 60))
    assert inside[0] == pytest.approx([10, 5, 110, 55])
    at_the_corner = box_in_picture((0, 0, 100, 50), (640, 480), (110, 55))
    assert at_the_corner[0] == pytest.approx([0, 0, 100, 50])
    smaller = box_in_picture((100, 100, 200, 150), (640, 480), (60, 30))
    assert smaller[0] == pytest.approx([5, 2.5, 55, 27.5])

"""What a network was given, and what is found when it is given again."""

from __future__ import annotations

from contextlib import closing

import numpy as np

import sightline as sl
from sightline.optimize.variants.pictures import (
    NetworkPictures,
    RecordingDetector,
    detect_again,
    network_input,
)
from sightline.types import Normalization


def test_pictures_of_several_sizes_come_back() -> None:
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((4, 6), (8, 3), (4, 6))]
    with closing(NetworkPictures()) as pictures:
        for number, pixels in enumerate(given):
            pictures.add(pixels, (100 + number, 50))
        for number, pixels in enumerate(given):
            np.testing.assert_array_equal(pictures[number], pixels)
        assert pictures.source(1) == (101, 50)
        assert {pictures.shape(number) for number in range(3)} == {(4, 6), (8, 3)}


def test_what_the_model_takes_is_normalised() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 1] = (255, 51, 0)
    values = network_input(pixels, Normalization(1 / 255, (0.5, 0.0, 0.0), (0.5, 1.0, 1.0)))
    assert values.shape == (1, 3, 2, 2)
    np.testing.assert_allclose(values[0, :, 0, 1], [1.0, 0.2, 0.0], atol=1e-6)
    np.testing.assert_allclose(values[0, 0, 1, 1], -1.0)


def test_the_same_is_found_again() -> None:
    frames = [
        observed.frame for observed in sl.track("street://?seed=5&duration=1&fps=4", "street")
    ]
    model = sl.load("street", backend="onnxruntime", precision="fp32")
    detector = model.detector
    with closing(NetworkPictures()) as pictures:
        found = RecordingDetector(detector, pictures).submit(frames).result()  # type: ignore[arg-type]
        again = list(detect_again(detector, detector.engine, pictures, range(len(frames))))  # type: ignore[arg-type, attr-defined]
    model.close()
    assert sum(map(len, found)) > 0
    for first, second in zip(found, again, strict=True):
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.scores, second.scores)

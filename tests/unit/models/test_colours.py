"""The bundled embedder ``colours``: a histogram as a graph, held against one in NumPy and OpenCV."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from sightline import build
from sightline.config import ModelOptions
from sightline.models.embedder import CropEmbedder
from sightline.sources.stills import still_frame
from sightline.types import Floats, Pixels

FILE = build.BUNDLED / "colours.onnx"
RECIPE = Path(__file__).parents[3] / "training" / "colours.py"


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def embedder(request: pytest.FixtureRequest) -> Iterator[CropEmbedder]:
    made = build.embedder(ModelOptions(model="colours", backend=request.param))
    yield made
    made.close()


def expected(crop: Pixels) -> Floats:
    """The same histogram, bin by bin."""
    small = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    hue, saturation, value = np.moveaxis(cv2.cvtColor(small, cv2.COLOR_BGR2HSV), 2, 0)
    places = (np.arange(64) - 31.5) / 32
    weights = np.exp(-1.5 * (places[:, None] ** 2 + places[None] ** 2))
    counts = np.zeros((12, 4, 4))
    for h in range(12):
        apart = np.abs(hue / 360 * 12 - h)
        of_hue = np.maximum(0, 1 - np.minimum(apart, 12 - apart))
        for s in range(4):
            of_saturation = np.maximum(0, 1 - np.abs(saturation * 3 - s))
            for v in range(4):
                of_value = np.maximum(0, 1 - np.abs(value * 3 - v))
                counts[h, s, v] = (weights * of_hue * of_saturation * of_value).sum()
    vector: Floats = np.sqrt(counts.ravel() / counts.sum()).astype(np.float32)
    return vector


def patches() -> dict[str, Pixels]:
    rng = np.random.default_rng(3)
    plain = {
        "red": (20, 30, 200),
        "green": (40, 190, 30),
        "blue": (190, 60, 40),
        "grey": (90, 90, 90),
    }
    found = {name: np.full((90, 70, 3), colour, np.uint8) for name, colour in plain.items()}
    found["black"] = np.zeros((90, 70, 3), np.uint8)
    found["noise"] = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    return found


def test_it_is_the_histogram(embedder: CropEmbedder) -> None:
    assert embedder.dimensions == 192
    for name, crop in patches().items():
        height, width = crop.shape[:2]
        whole = np.array([[0, 0, width, height]], np.float32)
        (vector,) = embedder.submit(still_frame(crop), whole).result(60)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
        assert vector @ expected(crop) == pytest.approx(1, abs=2e-3), name


def test_other_colours_are_told_apart(embedder: CropEmbedder) -> None:
    found = [
        embedder.submit(still_frame(crop), np.array([[0, 0, 70, 90]], np.float32)).result(60)[0]
        for name, crop in patches().items()
        if name != "noise"
    ]
    alike = np.array(found) @ np.array(found).T
    assert (alike[~np.eye(len(found), dtype=bool)] < 0.6).all()


def test_the_file_is_what_the_recipe_makes() -> None:
    spec = importlib.util.spec_from_file_location("colours_recipe", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    made, bundled = recipe.model(), onnx.load(FILE)
    assert made.graph == bundled.graph
    assert list(made.metadata_props) == list(bundled.metadata_props)
    assert FILE.stat().st_size < 25_000

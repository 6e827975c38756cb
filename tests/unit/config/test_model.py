"""Sizes and classes as people write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit.config.refused import refusal

from sightline.config import DetectParameters, ModelOptions, ServedModelOptions
from sightline.config.options import checked


@pytest.mark.parametrize(
    ("given", "size"),
    [
        pytest.param(640, 640, id="one side"),
        pytest.param("640", 640, id="as text"),
        pytest.param("640x384", (640, 384), id="width and height"),
        pytest.param("640 X 384", (640, 384), id="a capital, blanks"),
        pytest.param("640×384", (640, 384), id="a multiplication sign"),
        pytest.param([640, 384], (640, 384), id="a list"),
        pytest.param(640.0, 640, id="a whole float"),
        pytest.param(np.int64(640), 640, id="NumPy's number"),
        pytest.param(None, None, id="the model's own"),
    ],
)
def test_a_size(given: object, size: object) -> None:
    assert checked(ModelOptions, model="m", size=given).size == size


@pytest.mark.parametrize(
    "size", ["640x", "x640", "1x2x3", "-5", "", "640.5", 640.5, True, float("inf"), [1, 2, 3], []]
)
def test_what_is_no_size(size: object) -> None:
    said = refusal(ModelOptions, model="m", size=size)
    assert said.startswith("size: give 640, or 640x384 for width and height, not ")


@pytest.mark.parametrize("size", [8193, "100000", (640, 8224), "640x99999999", 1e18])
def test_a_size_that_would_exhaust_memory(size: object) -> None:
    said = refusal(ModelOptions, model="m", size=size)
    assert said.startswith("size: a side has 8192 pixels at most, and ")
    assert said.endswith("small objects in large pictures are found with tiles")


def test_the_largest_size() -> None:
    assert checked(ModelOptions, model="m", size="8192x8192").size == (8192, 8192)


def test_a_mapping_that_is_given_as_size_is_not_told() -> None:
    assert "hunter2" not in refusal(ModelOptions, model="m", size={"token": "hunter2"})


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        pytest.param("car", ("car",), id="a word"),
        pytest.param("car, traffic light,", ("car", "traffic light"), id="commas"),
        pytest.param(2, ("2",), id="an id"),
        pytest.param([0, "bus"], ("0", "bus"), id="ids and names"),
        pytest.param(np.arange(2), ("0", "1"), id="an array"),
        pytest.param({"car"}, ("car",), id="a set"),
        pytest.param([], (), id="nothing"),
    ],
)
def test_classes(given: object, classes: tuple[str, ...]) -> None:
    assert checked(DetectParameters, classes=given).classes == classes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([True], "classes.0: it must be text, not True"),
        ([1.5], "classes.0: it must be text, not 1.5"),
        ({"car": 1}, "classes: it must be a list"),
        (b"car", "classes: it must be a list"),  # and no list of the numbers of letters
    ],
)
def test_what_are_no_classes(given: object, message: str) -> None:
    assert refusal(DetectParameters, classes=given).startswith(message)


def test_options_of_the_file_are_changed_in_one_place() -> None:
    options = ServedModelOptions(model="street", conf=0.5)
    assert options.files == (options,)
    changed = options.with_files(lambda given: {"model": f"/models/{given['model']}.onnx"})
    assert (changed.model, changed.conf) == ("/models/street.onnx", 0.5)
    assert options.model == "street"


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    said = refusal(ModelOptions, model="m", max_detection=3)
    assert said == "max_detection: there is no such option; did you mean max_detections?"
    said = refusal(ModelOptions, model="m", engine={"devise": "cpu"}, models_dir=Path())
    assert said == "engine.devise: there is no such option; did you mean device?"

"""The Python interface on real pictures and footage."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import sightline as sl
from sightline.errors import ConfigError, DecodeError, InvalidRequest, ModelError, SourceError
from sightline.sources.file import FileSource


@pytest.fixture(scope="module")
def model(data: Path) -> Iterator[sl.Model]:
    with sl.load(data / "models" / "yolox_nano.onnx", conf=0.3, precision="fp32") as loaded:
        yield loaded


def names(found: sl.Detections) -> list[str]:
    return sorted(found.class_name(i) for i in found.class_ids.tolist())


@pytest.mark.parametrize("form", ["path", "text", "bytes", "base64", "array", "frame"])
def test_every_form_of_a_picture_gives_the_same(model: sl.Model, data: Path, form: str) -> None:
    path = data / "images" / "bus.jpg"
    content = path.read_bytes()
    array = cv2.imread(str(path))
    forms = {
        "path": path,
        "text": str(path),
        "bytes": content,
        "base64": f"data:image/jpeg;base64,{base64.b64encode(content).decode()}",
        "array": array,
        "frame": next(iter(sl.track(path, model))).frame,
    }
    found = model.detect(forms[form])
    assert names(found) == ["bus", "person", "person", "person"]
    assert np.array_equal(found.boxes, model.detect(array).boxes)


def test_a_list_gives_a_list(model: sl.Model, data: Path) -> None:
    bus = cv2.imread(str(data / "images" / "bus.jpg"))
    whole, part, nothing = model.detect([bus, bus[:, :400], np.zeros((64, 64, 3), np.uint8)])
    assert names(whole) == ["bus", "person", "person", "person"]
    assert "person" in names(part)
    assert len(nothing) == 0
    assert model.detect([]) == []


@pytest.mark.parametrize(
    ("image", "error"),
    [
        pytest.param(b"no picture", DecodeError, id="bytes that are no picture"),
        pytest.param("data:image/png;base64,####", DecodeError, id="broken base64"),
        pytest.param("data:text/plain,hello", DecodeError, id="no base64"),
        pytest.param("no/such/file.jpg", SourceError, id="missing file"),
        pytest.param(np.zeros((4, 4), np.uint8), InvalidRequest, id="grey array"),
        pytest.param(np.zeros((4, 4, 3), np.float32), InvalidRequest, id="floats"),
    ],
)
def test_what_is_no_picture(model: sl.Model, image: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        model.detect(image)


def test_track(model: sl.Model, data: Path) -> None:
    seen = []
    for observation in sl.track(data / "videos" / "car-detection.mp4", model):
        assert observation.frame.index == len(seen)
        assert observation.detections.track_ids is not None
        seen.append(observation.detections)
        if len(seen) == 100:
            break
    car = [d.track_ids.tolist() for d in seen if len(d)]
    assert len(car) >= 20
    assert {i for ids in car for i in ids} == {1}


def test_leaving_the_loop_closes_the_source(model: sl.Model, data: Path) -> None:
    source = FileSource(data / "videos" / "car-detection.mp4")
    observations = sl.track(source, model)
    next(observations)
    observations.close()
    assert source.status.state == "ended"
    assert names(model.detect(data / "images" / "bus.jpg"))  # the model stays usable


def test_supervision_there_and_back(model: sl.Model, data: Path) -> None:
    found = model.detect(data / "images" / "bus.jpg")
    there = found.to_supervision()
    assert there.data["class_name"].tolist() == [found.class_name(i) for i in found.class_ids]
    back = sl.Detections.from_supervision(there, found.class_names)
    assert np.array_equal(back.boxes, found.boxes)
    assert np.array_equal(back.scores, found.scores)
    assert back.to_dict() == found.to_dict()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"backend": "caffe"}, "backend", id="backend"),
        pytest.param({"conf": 2}, "conf", id="threshold"),
        pytest.param({"precision": "int4"}, "precision", id="precision"),
        pytest.param({"classes": ["prson"]}, "did you mean 'person'", id="class"),
    ],
)
def test_options_that_are_wrong(data: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        sl.load(data / "models" / "yolox_nano.onnx", **options)


def test_a_pulled_model_by_name(data: Path, tmp_path: Path) -> None:
    content = (data / "models" / "yolox_nano.onnx").read_bytes()
    (tmp_path / "yolox_nano.onnx").write_bytes(content)
    with sl.load("yolox_nano", models_dir=tmp_path) as model:
        assert model.class_names[0] == "person"
    with pytest.raises(ModelError, match="sightline models pull yolox_tiny"):
        sl.load("yolox_tiny", models_dir=tmp_path)

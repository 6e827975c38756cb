"""The Python interface on real pictures and footage."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_a_model_tells_what_it_is(model: sl.Model, data: Path) -> None:
    file = data / "models" / "yolox_nano.onnx"
    assert re.fullmatch(
        r"<Model yolox_nano: detect, input 416 on the longer side, 80 classes \(person, bicycle, car "
        rf"and 77 more\), \w+ on \S+ \(fp32\), {re.escape(str(file))}>",
        repr(model),
    )
    with sl.load(file, size=(320, 256), precision="fp32") as other:
        assert "input 320×256," in str(other)
    with sl.load("people") as people:
        assert repr(people).endswith("1 class (person), opencv on cpu>")


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
        pytest.param(np.zeros((4, 4, 2), np.uint8), InvalidRequest, id="two channels"),
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


def test_thresholds_and_classes_of_one_call(model: sl.Model, data: Path) -> None:
    bus = data / "images" / "bus.jpg"
    usual = model.detect(bus).to_dict()
    sure = model.detect(bus, conf=0.8)
    assert 0 < len(sure) < len(usual)
    assert sure.scores.min() >= 0.8
    assert set(names(model.detect(bus, classes=["bus"]))) == {"bus"}
    ids = [model.class_names.index("person"), model.class_names.index("bus")]
    for classes in (ids, "person,bus", ["person", str(ids[1])], np.array(ids)):
        assert set(names(model.detect(bus, classes=classes))) == {"person", "bus"}
    assert set(names(model.detect(bus, classes=ids[0]))) == {"person"}
    assert len(model.detect(bus, iou=0.99)) > len(usual)
    assert len(model.detect(path for path in (bus, bus))) == 2
    several = model.detect([bus, data / "images" / "bus.jpg"], classes="bus", conf=0.5)
    assert [set(names(one)) for one in several] == [{"bus"}] * 2
    assert model(bus, conf=0.8).to_dict() == sure.to_dict()
    assert model.detect(bus).to_dict() == usual  # the model's own are as they were


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"conf": 1.5}, "conf: it must be 1 or less, not 1.5", id="conf"),
        pytest.param({"conf": 25}, "conf", id="percent"),
        pytest.param({"iou": -0.1}, "iou", id="iou"),
        pytest.param({"classes": "prson"}, "did you mean 'person'", id="class name"),
        pytest.param({"classes": [80]}, "no class '80'", id="class id"),
        pytest.param({"classes": [-1]}, "no class '-1'", id="negative class id"),
        pytest.param({"classes": [True]}, "classes", id="a bool"),
        pytest.param({"classes": {"person": 1}}, "classes", id="a dictionary"),
    ],
)
def test_what_a_call_cannot_ask_for(
    model: sl.Model, data: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        model.detect(data / "images" / "bus.jpg", **options)
    with pytest.raises(ConfigError, match=re.escape(said)):
        next(sl.track(data / "videos" / "car-detection.mp4", model, **options))


def test_results_know_their_picture(model: sl.Model, data: Path, tmp_path: Path) -> None:
    bus = data / "images" / "bus.jpg"
    found = model.detect(bus)
    assert found.plot().shape == cv2.imread(str(bus)).shape
    assert found.save(tmp_path / "bus.png").is_file()
    assert "<img" in found._repr_html_()
    assert [one.name for one in found] == names(found)


def test_a_model_tracks_with_thresholds_and_classes(model: sl.Model, data: Path) -> None:
    video = data / "videos" / "car-detection.mp4"
    seen = []
    for observation in model.track(
        video, conf=0.3, classes="cell phone,bus"
    ):  # it knows no cars from above
        assert (observation.detections.plot() == observation.plot()).all()
        seen.append(observation.detections)
        if len(seen) == 100:
            break
    found = [one for detections in seen for one in detections]
    assert found
    assert {one.name for one in found} == {"cell phone", "bus"}
    assert all(one.track_id is not None for one in found)
    with pytest.raises(ConfigError, match="do not know their picture"):
        seen[0].plot()  # frames are not kept alive by what was found in them


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"tracker": "bytetrack.yaml"}, "must be 'bytetrack'", id="a file"),
        pytest.param({"tracker": sl.ByteTrack}, "ByteTrack(), not its class", id="a class"),
        pytest.param(
            {"tracker": {"high_threshhold": 0.4}},
            "tracker.high_threshhold: there is no such option; did you mean high_threshold?",
            id="a slip",
        ),
        pytest.param({"every": 0}, "every: it must be 1 or more, not 0", id="every"),
        pytest.param({"every": 2.5}, "every: it must be a whole number", id="a fraction"),
    ],
)
def test_what_track_cannot_be_asked_for(
    model: sl.Model, data: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        next(model.track(data / "videos" / "car-detection.mp4", **options))


def test_people_take_thresholds_too(data: Path) -> None:
    with sl.load("people") as people:
        picture = data / "images" / "bus.jpg"
        everyone = people.detect(picture, conf=0.0)
        assert len(people.detect(picture, conf=0.99)) == 0 < len(everyone)
        assert len(people.detect(picture, classes=[0], conf=0.0)) == len(everyone)
        with pytest.raises(ConfigError, match="no class 'car'"):
            people.detect(picture, classes="car")


def test_supervision_there_and_back(model: sl.Model, data: Path) -> None:
    found = model.detect(data / "images" / "bus.jpg")
    there = found.to_supervision()
    assert there.data["class_name"].tolist() == [found.class_name(i) for i in found.class_ids]
    back = sl.Detections.from_supervision(there)
    assert back.class_names == found.class_names
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


@pytest.mark.parametrize("given", [None, 3, b"a.onnx", ["a.onnx"]])
def test_what_is_no_model(given: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^model: give the path of a file or the name of a model"
    ):
        sl.load(given)


def test_a_pulled_model_by_name(data: Path, tmp_path: Path) -> None:
    content = (data / "models" / "yolox_nano.onnx").read_bytes()
    (tmp_path / "yolox_nano.onnx").write_bytes(content)
    with sl.load("yolox_nano", models_dir=tmp_path) as model:
        assert model.class_names[0] == "person"
    with pytest.raises(ModelError, match="sightline models pull yolox_tiny"):
        sl.load("yolox_tiny", models_dir=tmp_path)

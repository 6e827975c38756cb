"""Words of other libraries lead to ours: keywords and attributes, as Python's own kinds of error."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.fixed_detector import FixedDetector

import sightline as sl
from sightline.config import EngineOptions, checked
from sightline.errors import ConfigError
from sightline.sources.stills import still_frame
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.deepsort import DeepSORTTracker as DeepSORT
from sightline.tracking.ocsort import OCSORT
from sightline.vocabulary.other_names import ATTRIBUTES, OPTIONS, SETTINGS, TRACKER

PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def model() -> sl.Model:
    return sl.Model(FixedDetector())


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("source", "it is called image here"),
        ("conf_thres", "it is called conf here"),
        ("imgsz", "it is size of sl.load"),
        ("device", "it is device of sl.load"),
        ("max_det", "it is max_detections of sl.load"),
        ("vid_stride", "it is every of sl.track"),
        ("verbose", 'logging.getLogger("sightline")'),
        ("stream", "track gives one frame after another"),
        ("save_txt", "YoloTxtSink"),
        ("half", 'precision="fp16"'),
        ("clases", "did you mean classes?"),
        ("confidense", "did you mean conf?"),
        ("nothing_like_it", "it takes image, conf, iou, classes"),
    ],
)
def test_keywords_of_detect(model: sl.Model, theirs: str, said: str) -> None:
    for call in (model.detect, model):
        with pytest.raises(TypeError, match=rf"^detect\(\).*{theirs!r}: .*{re.escape(said)}"):
            call(PICTURE, **{theirs: 1})


@pytest.mark.parametrize(
    ("call", "options", "said"),
    [
        (sl.load, {"imgsz": 640}, "it is called size here"),
        (sl.load, {"weights": "a.onnx"}, "it is called model here"),
        (sl.load, {"names": ["a"]}, "class_names of its card"),
        (sl.load, {"vid_stride": 2}, "it is every of sl.track"),
        (sl.load, {"task": "detect"}, "the model's file and card tell it"),
        (sl.track, {"persist": True}, r"sl.ByteTrack().update("),
        (sl.track, {"video": "a.mp4"}, "it is called source here"),
        (sl.track, {"imgsz": 640}, "it is size of sl.load"),
    ],
)
def test_keywords_of_load_and_track(
    call: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(said)):  # at the call, before any frame
        call("x", "y", **options) if call is sl.track else call("x", **options)


@pytest.mark.parametrize("theirs", TRACKER)
def test_keywords_of_trackers(theirs: str) -> None:
    makes = [
        make
        for make in (ByteTrack, OCSORT, DeepSORT)
        if TRACKER[theirs] in inspect.signature(make).parameters
    ]
    assert makes
    for make in makes:
        said = rf"^{make.__name__}\(\).*{theirs!r}: it is called {TRACKER[theirs]} here"
        with pytest.raises(TypeError, match=said):
            make(**{theirs: 1})


def test_every_option_leads_to_one_that_is_there() -> None:
    taken = {
        name
        for call in (sl.load, sl.track, sl.Model.detect)
        for name in inspect.signature(call).parameters
    }
    assert set(OPTIONS.values()) <= taken
    assert not set(OPTIONS) & taken


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("Detections", "xyxy", "boxes"),
        ("Detections", "conf", "scores"),
        ("Detection", "xyxy", "box"),
        ("Detection", "cls", "class_id"),
        ("Observation", "boxes", "detections.boxes"),
        ("Observation", "xyxy", "detections.boxes"),
        ("Observation", "orig_img", "frame.image"),
        ("Frame", "shape", "image.shape"),
        ("Model", "predict", "detect"),
        ("Model", "names", "class_names"),
        ("Tracker", "update_with_detections", "update"),
        ("Model", "to", "sl.load(..., device=...)"),
        ("sightline", "YOLO", "load"),
        ("sightline", "detect", "load(model).detect(image)"),
    ],
)
def test_attributes(model: sl.Model, kind: str, theirs: str, ours: str) -> None:
    owner = things(model)[kind]
    assert not hasattr(owner, theirs)
    assert getattr(owner, theirs, 7) == 7
    with pytest.raises(AttributeError, match=rf"{theirs!r}: it is called {re.escape(ours)} here$"):
        getattr(owner, theirs)
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing_like_it'$"):
        _ = owner.nothing_like_it


@pytest.mark.parametrize(
    ("kind", "theirs", "said"),
    [
        ("Detections", "cpu", "NumPy's"),
        ("Detection", "numpy", "NumPy's"),
        ("Detections", "probs", "there are boxes"),
        ("Model", "conf", "give it to load, or to detect"),
        ("Model", "train", "does not train"),
        ("Model", "eval", "ready for use"),
    ],
)
def test_what_has_no_counterpart(model: sl.Model, kind: str, theirs: str, said: str) -> None:
    owner = things(model)[kind]
    assert not hasattr(owner, theirs)
    with pytest.raises(AttributeError, match=f"has no attribute {theirs!r}: .*{said}"):
        getattr(owner, theirs)


def things(model: sl.Model) -> dict[str, Any]:
    frame = still_frame(PICTURE)
    one = sl.Detections(
        np.zeros((1, 4), np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        frame_ref=lambda: frame,
    )
    observation = sl.Observation(frame, one)
    return {
        "Detections": one, "Detection": one[0], "Observation": observation, "Frame": frame,
        "Model": model, "Tracker": sl.ByteTrack(), "sightline": sl,
    }  # fmt: skip


def table() -> Iterator[tuple[str, str, str]]:
    for kind, names in ATTRIBUTES.items():
        yield from ((kind, theirs, ours) for theirs, ours in names.items())


def test_no_attribute_of_the_table_is_there_and_each_leads_to_one_that_is(model: sl.Model) -> None:
    owners = things(model)
    for kind, theirs, ours in table():
        assert not hasattr(owners[kind], theirs), (kind, theirs)
        first = re.match(r"[a-z_]\w*(\.\w+)*", ours, re.IGNORECASE)
        if first is None or ours.startswith(("the command", "sl.", "sightline.", "print")):
            continue
        names = first[0].removeprefix("model.").split(".")
        found = owners[kind]
        for name in names:
            found = getattr(found, name)


def test_what_would_change_nothing_cannot_be_set_on_a_model(model: sl.Model) -> None:
    for name in SETTINGS:
        with pytest.raises(AttributeError, match=rf"{name!r}: (it is called|give it to load)"):
            setattr(model, name, 0.4)
    model.note = "front door"  # what is the user's own may be kept there
    assert model.note == "front door"


@pytest.mark.parametrize("device", [0, "0", "0,1"])
def test_a_number_alone_is_no_device(device: Any) -> None:
    with pytest.raises(ConfigError, match=r"^device: a number alone .*cuda:0"):
        checked(EngineOptions, device=device)
    assert checked(EngineOptions, device="CUDA").device == "cuda"
    assert checked(EngineOptions, device="cuda:1").device == "cuda:1"

"""From words to objects: which source, which runtime, which names."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline import build
from sightline.build.models import served_detector
from sightline.build.outputs import outputs
from sightline.build.sources import SourceInput
from sightline.build.streams import _counts, _input
from sightline.config import (
    ByteTrackOptions,
    EngineOptions,
    LiveOptions,
    ModelOptions,
    OutputOptions,
    ServedModelOptions,
    StreamOptions,
)
from sightline.errors import ConfigError, EngineUnavailable, ModelError
from sightline.models.detector import EngineDetector
from sightline.models.people import PeopleDetector
from sightline.runtime.streams.cpu_limiter import CpuLimiter
from sightline.runtime.streams.decoding import Decoding
from sightline.runtime.streams.decoding_budget import DecodingBudget
from sightline.sources.paced import PacedSource
from sightline.tables import SINKS, TRACKERS
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.online import LOW_THRESHOLD
from sightline.types import Detections, Frame, Observation, StreamInfo

MakeModel = Callable[..., Path]


@pytest.mark.parametrize(
    "reference",
    [
        *build.ENGINES.values(),
        *build.DECODERS.values(),
        *(e.make for e in [*build.SOURCES.values(), *SINKS.values(), *TRACKERS.values()]),
    ],
)
def test_every_line_of_the_tables_names_something(reference: str) -> None:
    assert callable(build.load(reference))


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        pytest.param("street.mp4", "file", id="video"),
        pytest.param("folder/street.MKV", "file", id="video in a folder"),
        pytest.param("no-suffix", "file", id="a name"),
        pytest.param("bus.jpg", "images", id="picture"),
        pytest.param("bus.JPEG", "images", id="picture in capitals"),
        pytest.param("pictures", "images", id="folder"),
        pytest.param("pictures/", "images", id="folder with a slash"),
        pytest.param("pictures/*.jpg", "images", id="glob"),
        pytest.param("frame_[0-9].png", "images", id="glob of digits"),
        pytest.param("odd[1].mp4", "file", id="a file with brackets in its name"),
        pytest.param("rtsp://camera/stream", "url", id="rtsp"),
        pytest.param("http://host/a.mjpg", "url", id="http"),
        pytest.param("rtsp://user:pass@10.0.0.1:554/a?b=*", "url", id="url with a star"),
        pytest.param("0", "camera", id="camera number"),
        pytest.param("12", "camera", id="higher camera number"),
        pytest.param("/dev/video2", "camera", id="camera device"),
    ],
)
def test_source_kind(spec: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "odd[1].mp4").write_bytes(b"")
    assert build.source_kind(spec) == kind


class FakeSource:
    def __init__(self, target: str | int, name: str, **options: Any) -> None:
        self.target, self.name, self.options = target, name, options


@pytest.fixture
def fake_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.sources, "load", lambda _: FakeSource)


@pytest.mark.usefixtures("fake_sources")
@pytest.mark.parametrize(
    ("specs", "names"),
    [
        pytest.param(["a.mp4", "b.mp4"], ["a", "b"], id="files"),
        pytest.param(["x/a.mp4", "y/a.mp4", "z/a.avi"], ["a", "a-2", "a-3"], id="same name"),
        pytest.param(["a.mp4", "x/a.mp4", "a-2.mp4"], ["a", "a-2", "a-2-2"], id="taken by a file"),
        pytest.param(["a-2.mp4", "a.mp4", "x/a.mp4"], ["a-2", "a", "a-3"], id="taken before"),
        pytest.param(["0", "1", "0"], ["camera-0", "camera-1", "camera-0-2"], id="cameras"),
        pytest.param(["/dev/video3"], ["video3"], id="device"),
        pytest.param(["rtsp://u:secret@gate/yard?x=1"], ["yard"], id="path of a url"),
        pytest.param(["rtsp://gate", "rtsp://gate/"], ["gate", "gate-2"], id="host of a url"),
        pytest.param(["rtsp://10.0.0.1:554/a.b/c.sdp"], ["c"], id="last part of a path"),
    ],
)
def test_stream_names_differ(specs: list[str], names: list[str]) -> None:
    found = build.inputs(specs)
    assert [one.name for one in found] == names
    assert [one.source.name for one in found] == names
    assert not any("secret" in one.name for one in found)


@pytest.mark.usefixtures("fake_sources")
@pytest.mark.parametrize(
    ("spec", "live", "still", "target"),
    [
        pytest.param("a.mp4", False, False, "a.mp4", id="file"),
        pytest.param("bus.jpg", False, True, "bus.jpg", id="picture"),
        pytest.param("rtsp://gate", True, False, "rtsp://gate", id="url"),
        pytest.param("0", True, False, 0, id="camera"),
    ],
)
def test_what_an_input_is(spec: str, live: bool, still: bool, target: str | int) -> None:
    (one,) = build.inputs([spec])
    assert (one.live, one.still) == (live, still)
    assert one.source.target == target


@pytest.mark.usefixtures("fake_sources")
@pytest.mark.parametrize(
    ("spec", "realtime", "paced"),
    [
        pytest.param("a.mp4", True, True, id="a file like a camera"),
        pytest.param("a.mp4", False, False, id="a file"),
        pytest.param("street://", True, True, id="a street like a camera"),
        pytest.param("rtsp://gate", True, False, id="a camera keeps its own time"),
        pytest.param("0", True, False, id="a camera at this computer"),
    ],
)
def test_only_what_is_recorded_is_played_in_real_time(
    spec: str, realtime: bool, paced: bool
) -> None:
    options = StreamOptions(source=spec, realtime=realtime)
    made = _input("s", options, Decoding(DecodingBudget(CpuLimiter(), lambda: 0.0)))
    assert isinstance(made.source, PacedSource) is made.paced is paced


@pytest.mark.usefixtures("fake_sources")
@pytest.mark.parametrize(
    ("live", "waits"),
    [
        pytest.param({}, True, id="not said"),
        pytest.param({"transport": "udp"}, True, id="something else said"),
        pytest.param({"wait_for_camera": False}, False, id="not wanted"),
        pytest.param({"wait_for_camera": True}, True, id="wanted"),
    ],
)
def test_a_stream_waits_for_its_camera_unless_told_otherwise(
    live: dict[str, Any], waits: bool
) -> None:
    options = StreamOptions(source="rtsp://gate", live=LiveOptions(**live))
    source: Any = _input("s", options, Decoding(DecodingBudget(CpuLimiter(), lambda: 0.0))).source
    assert source.options["options"].wait_for_camera is waits
    assert source.options["options"].transport == live.get("transport", "tcp")


def test_real_sources_are_made_without_being_opened(tmp_path: Path) -> None:
    (tmp_path / "bus.jpg").write_bytes(b"")
    found = build.inputs(
        [str(tmp_path / "gone.mp4"), "rtsp://127.0.0.1:1/none", "0", str(tmp_path / "bus.jpg")]
    )
    assert [one.kind for one in found] == ["file", "url", "camera", "images"]
    for one in found:
        one.source.close()


BOTH = frozenset({"openvino", "onnxruntime"})
ONNX, IR = Path("m.onnx"), Path("m.xml")


@pytest.mark.parametrize(
    ("options", "stills", "model", "machine", "has", "expected"),
    [
        pytest.param({}, False, ONNX, "x86_64", BOTH, "openvino", id="PC"),
        pytest.param({}, False, b"", "AMD64", BOTH, "openvino", id="bytes, on Windows' word"),
        pytest.param({}, True, ONNX, "x86_64", BOTH, "onnxruntime", id="a few pictures"),
        pytest.param({}, False, ONNX, "aarch64", BOTH, "onnxruntime", id="Raspberry Pi"),
        pytest.param({}, False, IR, "aarch64", BOTH, "openvino", id="IR anywhere"),
        pytest.param({}, True, IR, "x86_64", BOTH, "openvino", id="IR for a few pictures"),
        pytest.param({"device": "cuda"}, False, ONNX, "x86_64", BOTH, "onnxruntime", id="cuda"),
        pytest.param({"device": "cuda:1"}, False, ONNX, "x86_64", BOTH, "onnxruntime", id="cuda:1"),
        pytest.param({"device": "gpu"}, True, ONNX, "aarch64", BOTH, "openvino", id="Intel GPU"),
        pytest.param({"device": "npu"}, True, ONNX, "x86_64", BOTH, "openvino", id="NPU"),
        pytest.param({"precision": "bf16"}, True, ONNX, "x86_64", BOTH, "openvino", id="bf16"),
        pytest.param({"precision": "fp16"}, True, ONNX, "aarch64", BOTH, "openvino", id="fp16"),
        pytest.param({"precision": "fp32"}, False, ONNX, "x86_64", BOTH, "openvino", id="fp32"),
        pytest.param({}, False, ONNX, "x86_64", {"onnxruntime"}, "onnxruntime", id="ORT alone"),
        pytest.param({}, True, ONNX, "aarch64", {"openvino"}, "openvino", id="OpenVINO alone"),
        pytest.param({}, False, ONNX, "x86_64", set(), "onnxruntime", id="none: it says so"),
    ],
)
def test_pick_backend(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    stills: bool,
    model: Path | bytes,
    machine: str,
    has: set[str],
    expected: str,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in has else None)
    chosen = EngineOptions(**options)
    assert build.pick_backend("auto", chosen, stills=stills, model=model) == expected


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_named_backend_is_taken(backend: str) -> None:
    for stills in (True, False):
        assert build.pick_backend(backend, EngineOptions(), stills=stills, model=IR) == backend


def test_a_runtime_that_is_not_installed_says_how_to_get_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BOTH:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineUnavailable, match="pip install"):
        build.detector(ModelOptions(model=str(data / "models" / "yolox_nano.onnx")))


def test_a_detector_is_built_as_it_is_described(constant_model: MakeModel) -> None:
    rows = np.zeros((1, 25, 6), np.float32)
    path = constant_model([rows], metadata={"names": "['person', 'car']"})
    options = ModelOptions(
        model=str(path),
        backend="onnxruntime",
        conf=0.4,
        classes=("car",),
        max_detections=3,
        engine=EngineOptions(requests=1, threads=1),
    )
    one = build.detector(options)
    try:
        assert isinstance(one, EngineDetector)
        assert one.class_names == ("person", "car")
        assert one.conf == 0.4
        assert one.engine.info.backend == "onnxruntime"
        assert one.engine.info.requests == 1
    finally:
        one.close()


def test_a_wrong_option_closes_the_engine(
    constant_model: MakeModel, monkeypatch: pytest.MonkeyPatch, recording_engine: Any
) -> None:
    engine = recording_engine(lambda _: [])
    monkeypatch.setattr(build.models, "build_engine", lambda *_, **__: engine)
    path = constant_model([np.zeros((1, 25, 6))])
    with pytest.raises(ConfigError, match="no class 'cra'"):
        build.detector(ModelOptions(model=str(path), classes=("cra",)))
    assert engine.closed


def test_people_need_no_file() -> None:
    one = build.detector(ModelOptions(model="people"))
    assert isinstance(one, PeopleDetector)
    one.close()


def test_tracking_gets_weak_detections_and_keeps_the_threshold(
    constant_model: MakeModel,
) -> None:
    path = constant_model([np.zeros((1, 25, 6))])
    one = build.detector(ModelOptions(model=str(path), backend="onnxruntime", conf=0.6))
    try:
        low, make_tracker = build.for_tracking(one)
        assert low.conf == LOW_THRESHOLD
        assert low.engine is one.engine
        assert one.conf == 0.6
        assert isinstance(make_tracker, partial)
        assert make_tracker.keywords["high_threshold"] == 0.6
        assert make_tracker() is not make_tracker()  # one for each stream
    finally:
        one.close()


def test_tracking_takes_another_detector_as_it_is() -> None:
    people = build.detector(ModelOptions(model="people"))
    same, make_tracker = build.for_tracking(people)
    assert same is people
    assert isinstance(make_tracker(), ByteTrack)
    people.close()


@pytest.mark.parametrize(
    "option",
    [{"size": 640}, {"backend": "openvino"}, {"agnostic_nms": True}],
    ids=str,
)
def test_people_refuses_what_it_has_not(option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"`people` has no {next(iter(option))}"):
        build.detector(ModelOptions(model="people", **option))
    build.detector(ModelOptions(model="people", conf=0.3, iou=0.5, max_detections=5)).close()


@pytest.mark.parametrize(
    ("model", "url", "backend"),
    [
        pytest.param("a.torchscript", None, "torch", id="TorchScript"),
        pytest.param("a.pt2", None, "torch", id="exported program"),
        pytest.param("a.engine", None, "tensorrt", id="engine"),
        pytest.param("a.plan", None, "tensorrt", id="plan"),
        pytest.param("a.onnx", "grpc://host:8001/a", "triton", id="an address"),
    ],
)
def test_what_only_one_runtime_can_run(model: str, url: str | None, backend: str) -> None:
    options = EngineOptions(url=url)
    assert build.pick_backend("auto", options, stills=False, model=Path(model)) == backend


def test_triton_needs_an_address(data: Path) -> None:
    options = ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), backend="triton")
    with pytest.raises(ConfigError, match=r"engine\.url"):
        build.detector(options)


@pytest.mark.parametrize("task", ["segment", "pose", "obb"])
def test_a_model_that_tells_less_than_its_task_is_refused(task: Any) -> None:
    options = ServedModelOptions(model="street", task=task)
    with pytest.raises(ModelError, match=f"its task is detect, and not {task}"):
        served_detector("gate", options, 1.0)


def test_a_card_says_which_thresholds_its_tracker_wants() -> None:
    with closing(build.detector(ModelOptions(model="street"))) as detector:
        suited, tracker = build.for_tracking(detector)
        assert isinstance(suited, EngineDetector)
        made = tracker()
        assert isinstance(made, ByteTrack)
        assert (suited.conf, made.low_threshold, made.high_threshold) == (0.2, 0.2, 0.5)
        assert (made.new_track_threshold, made.class_aware) == (0.6, True)
    with closing(build.detector(ModelOptions(model="street", conf=0.3))) as detector:
        suited, tracker = build.for_tracking(detector)
        made = tracker()
        assert isinstance(suited, EngineDetector)
        assert isinstance(made, ByteTrack)
        assert (suited.conf, made.high_threshold) == (LOW_THRESHOLD, 0.3)  # the user's word counts


@pytest.mark.parametrize(
    ("live", "folder", "kept"),
    [
        pytest.param(True, False, True, id="a camera"),
        pytest.param(True, True, True, id="a camera, in folders"),
        pytest.param(False, False, False, id="a recording is read from its start"),
    ],
)
def test_outputs_go_on(live: bool, folder: bool, kept: bool, tmp_path: Path) -> None:
    mot, video = tmp_path / "cam.txt", tmp_path / "cam.mp4"
    options = OutputOptions(
        json_lines=str(tmp_path / "cam.jsonl"), csv=tmp_path / "cam.csv",
        coco=tmp_path / "cam.json", mot=f"{tmp_path}/" if folder else str(mot),
        annotated=f"{tmp_path}/" if folder else str(video), append=True,
    )  # fmt: skip
    grey = np.full((48, 64, 3), 90, np.uint8)
    picture: Any = SimpleNamespace(width=64, height=48, scaled=lambda *_: grey)
    found = Detections(np.ones((1, 4)), np.ones(1), np.ones(1), np.ones(1))
    for index in range(2):
        cam = SourceInput("cam", "url" if live else "file", picture)
        made = outputs(options, {}, [cam])
        for sink in made.sinks(cam):
            sink.open(StreamInfo("cam", 64, 48))
            sink.write(Observation(Frame("cam", index, index / 25, 0.0, picture), found))
        made.close()
    assert (tmp_path / "cam.jsonl").read_text().count("\n") == (2 if kept else 1)
    assert (tmp_path / "cam.csv").read_text().count("\n") == (3 if kept else 2)
    for path in (mot, video, tmp_path / "cam.json"):
        assert path.exists()
        assert path.with_stem("cam-2").exists() is kept


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        pytest.param(["/a/b/bus.jpg"], "bus", id="a picture"),
        pytest.param(["/a/photos"], "photos", id="a folder"),
        pytest.param(["cam.v2"], "cam.v2", id="a stream of a configuration"),
        pytest.param(["a/*.jpg"], "pictures", id="a glob"),
        pytest.param(["a/1.jpg", "b/1.jpg"], "pictures", id="several, whose names may be the same"),
    ],
)
def test_where_crops_of_pictures_go(names: list[str], folder: str, tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 90, np.uint8)
    picture: Any = SimpleNamespace(width=64, height=48, scaled=lambda *_: grey)
    found = Detections(np.array([[1, 1, 9, 9]]), np.ones(1), np.ones(1, np.int64))
    inputs = [SourceInput(name, "images", picture) for name in names]
    made = outputs(OutputOptions(crops=str(tmp_path)), {}, inputs)
    for one in inputs:
        for sink in made.sinks(one):
            sink.open(StreamInfo(one.name, 64, 48, still=True))
            sink.write(Observation(Frame("1.jpg", 0, 0.0, 0.0, picture), found))
    made.close()
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg"))
    assert files == [f"{folder}/1/1-000000{more}.jpg" for more in ("-2", "")[-len(names) :]]


@pytest.mark.parametrize(
    ("spec", "waits"),
    [
        ("street.mp4", True),
        ("rtsp://127.0.0.1/live", False),
        ("http://127.0.0.1/live.ts", False),
        ("0", False),
        ("street://?duration=5", True),
        ("street://?duration=0", False),
        ("street://?duration=5&live=true", False),
    ],
)
def test_only_what_ends_by_itself_takes_turns(spec: str, waits: bool) -> None:
    (found,) = build.inputs([spec])
    assert found.takes_turns is waits


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, (0.4, 0.1, 0.4), id="the model's conf decides"),
        pytest.param({"high_threshold": 0.6}, (0.6, 0.1, 0.4), id="one threshold"),
        pytest.param({"high_threshold": 0.05}, (0.05, 0.05, 0.4), id="a low one takes the lowest along"),
        pytest.param({"low_threshold": 0.2, "new_track_threshold": 0.9}, (0.4, 0.2, 0.9), id="two"),
    ],
)  # fmt: skip
def test_thresholds_of_a_tracker_that_are_given_count(
    given: dict[str, float], expected: tuple[float, ...], data: Path
) -> None:
    options = ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), conf=0.4)
    with closing(build.detector(options)) as detector:
        low, make_tracker = build.for_tracking(detector, ByteTrackOptions(**given))
        tracker = make_tracker()
        found = (tracker.high_threshold, tracker.low_threshold, tracker.new_track_threshold)
        assert found == expected
        assert low.conf == expected[1]
        assert detector.conf == 0.4


def test_a_low_threshold_above_the_models_own_is_refused(data: Path) -> None:
    options = ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), conf=0.4)
    with closing(build.detector(options)) as detector:
        _, make_tracker = build.for_tracking(detector, ByteTrackOptions(low_threshold=0.5))
        with pytest.raises(ConfigError, match=r"low_threshold is 0\.5: it must not exceed"):
            make_tracker()


@pytest.mark.parametrize(
    ("analysed", "dropped", "said"),
    [
        (8, {}, "8 read, 8 analysed, none left out in "),
        (30, {"skipped": 30}, "60 read, 30 analysed, 30 left out (30 skipped) in "),
        (1, {"stale": 2, "skipped": 3}, "6 read, 1 analysed, 5 left out (2 stale, 3 skipped) in "),
    ],
)
def test_what_became_of_the_frames_of_a_stream(
    analysed: int, dropped: dict[str, int], said: str
) -> None:
    source: Any = SimpleNamespace(source=SimpleNamespace(status=SimpleNamespace(dropped={})))
    counts = SimpleNamespace(
        taken=analysed + sum(dropped.values()), analyzed=analysed, dropped=dropped
    )
    record: Any = SimpleNamespace(counts=lambda: counts)
    assert _counts(source, record, 0.0).startswith(said)


def test_what_openvino_cannot_read_is_run_by_onnx_runtime(
    constant_model: MakeModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It converts no loops of Mask R-CNN, for example; a file that was named `auto` runs all the same."""
    engine = pytest.importorskip("sightline.engines.openvino_", reason="OpenVINO is not installed")
    pytest.importorskip("onnxruntime")

    def cannot(*_: Any) -> None:
        raise ModelError("OpenVINO cannot read the model: it cannot convert Loop-17")

    model = str(constant_model([np.zeros((1, 25, 6), np.float32)]))
    monkeypatch.setattr(engine.OpenVinoEngine, "__init__", cannot)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with closing(build.detector(ModelOptions(model=model))) as found:
        assert found.engine.info.backend == "onnxruntime"
    assert "cannot convert Loop-17: it is run by ONNX Runtime instead" in caplog.text
    for chosen in ({"backend": "openvino"}, {"engine": EngineOptions(precision="bf16")}):
        with pytest.raises(ModelError, match="Loop-17: use the backend onnxruntime"):
            build.detector(ModelOptions(model=model, **chosen))

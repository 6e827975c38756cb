"""From options to objects: the only module that knows all interchangeable parts.

A new model family, runtime or tracker is one new file and one line in a table here.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sightline.config import EngineOptions, LiveOptions, ModelOptions, OutputOptions
from sightline.errors import ConfigError, ModelError
from sightline.protocols import Decoder, Detector, Engine, Sink, Source, Tracker
from sightline.types import Normalization

ENGINES = {
    "openvino": "sightline.engines.openvino_:OpenVinoEngine",
    "onnxruntime": "sightline.engines.onnxruntime_:OnnxRuntimeEngine",
}

# Tried in this order where a model does not say what it is: the surest shapes come first.
DECODERS = {
    "yolov5": "sightline.models.decoders.yolov5:YoloV5",
    "yolox": "sightline.models.decoders.yolox:YoloX",
    "yolox-decoded": "sightline.models.decoders.yolox:YoloXDecoded",
    "yolov8": "sightline.models.decoders.yolov8:YoloV8",
    "end-to-end": "sightline.models.decoders.end_to_end:EndToEnd",
    "detr": "sightline.models.decoders.detr:Detr",
    "detr-rows": "sightline.models.decoders.detr:DetrRows",
}

SOURCES = {
    "file": "sightline.sources.file:FileSource",
    "url": "sightline.sources.live:LiveSource",
    "camera": "sightline.sources.live:CameraSource",
    "images": "sightline.sources.images:ImageSource",
    "street": "sightline.sources.street.source:StreetSource",
}

LIVE = {"url", "camera"}
BUNDLED = Path(__file__).parent / "models" / "bundled"
"""Models that come with the package, by name."""

VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm"}


def load(reference: str) -> Any:
    """The object that a table names as ``module:name``."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def decoders() -> dict[str, Decoder]:
    """Every model family."""
    return {name: load(reference)() for name, reference in DECODERS.items()}


def detector(options: ModelOptions, *, stills: bool = False) -> Detector:
    """The detector that options describe.

    Args:
        options: the model and how it is used.
        stills: only a few pictures will come, so a quick start counts more than speed later.

    Raises:
        ModelError, EngineError, ConfigError: see ``read_card``, the engines and EngineDetector.
    """
    if options.model == "people":
        return _people(options)
    from sightline.models.card import read_card
    from sightline.models.detector import EngineDetector
    from sightline.models.file import open_model

    families = decoders()
    reading = read_card(open_model(model_path(options)), families)
    card = reading.card
    engine = build_engine(reading.file.content, card.normalization, options, stills=stills)
    try:
        return EngineDetector(
            engine,
            card,
            families[card.decoder],
            **options.model_dump(
                include={"conf", "iou", "size", "classes", "max_detections", "agnostic_nms"}
            ),
        )
    except BaseException:  # whatever it is, it goes on; the engine must not stay
        engine.close()
        raise


def _people(options: ModelOptions) -> Detector:
    from sightline.models.people import PeopleDetector

    kept = {"model", "models_dir", "conf", "iou", "max_detections"}
    for name in sorted(options.model_fields_set - kept):
        value = getattr(options, name)
        if value != ModelOptions.model_fields[name].get_default():
            raise ConfigError(f"the detector `people` has no {name}: leave it out, or give a model")
    return PeopleDetector(options.conf, options.iou, options.max_detections)


def model_path(options: ModelOptions) -> Path:
    """The file that a model option means: a path, a bundled model, or a pulled one's name."""
    path = Path(options.model).expanduser()
    bundled = BUNDLED / f"{options.model}.onnx"
    if not path.exists() and bundled.parent == BUNDLED and bundled.is_file():
        return bundled
    if path.suffix or path.exists() or options.models_dir is None:
        return path
    from sightline.models import zoo

    found = zoo.resolve(options.model, options.models_dir)
    if found is None:
        raise ModelError(
            f"model {options.model} is not here yet: fetch it with "
            f"`sightline models pull {options.model}`"
        )
    return found


def build_engine(
    model: Path | bytes,
    normalization: Normalization,
    options: ModelOptions,
    *,
    stills: bool = False,
) -> Engine:
    """The engine that a backend option means."""
    name = pick_backend(options.backend, options.engine, stills=stills, model=model)
    # One after another is all that a few pictures can be, so each takes the whole processor.
    how = options.engine.model_copy(update={"hint": "latency"}) if stills else options.engine
    engine: Engine = load(ENGINES[name])(model, normalization, how)
    return engine


def pick_backend(backend: str, options: EngineOptions, *, stills: bool, model: Path | bytes) -> str:
    """The runtime for ``auto``: OpenVINO where it is installed and fast, else ONNX Runtime.

    For a few still pictures ONNX Runtime is taken: it is ready several times sooner, and no speed
    per picture makes up for that.
    """
    if backend != "auto":
        return backend
    if isinstance(model, Path) and model.suffix == ".xml":
        return "openvino"
    if options.device.startswith("cuda"):
        return "onnxruntime"
    intel_like = platform.machine().lower() in {"x86_64", "amd64", "i386"}
    has = {name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)}
    wants_openvino = options.device.startswith(("gpu", "npu")) or options.precision in {
        "bf16",
        "fp16",
    }
    if "openvino" in has and (wants_openvino or (intel_like and not stills)):
        return "openvino"
    return "onnxruntime" if "onnxruntime" in has or "openvino" not in has else "openvino"


@dataclass(frozen=True)
class Input:
    """A source that a user named."""

    name: str
    kind: str
    source: Source

    @property
    def live(self) -> bool:
        """It goes on by itself: it must not wait for its turn."""
        return self.kind in LIVE

    @property
    def still(self) -> bool:
        """Pictures that have nothing to do with one another."""
        return self.kind == "images"


def source_kind(spec: str) -> str:
    """The key of SOURCES for a user's word: path, glob, URL, camera number or device."""
    if "://" in spec:
        return "street" if spec.startswith("street://") else "url"
    if spec.isdigit() or spec.startswith("/dev/video"):
        return "camera"
    from sightline.sources.images import IMAGE_SUFFIXES

    path = Path(spec)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return "images"
    if any(c in spec for c in "*?[") and not path.exists():
        return "images"
    return "file"


def inputs(specs: Sequence[str], live: LiveOptions | None = None) -> list[Input]:
    """A source for each word, under names that differ: the file's, ``camera-0``, ``host``.

    ``live`` is how those connect that are streams or cameras.
    """
    found: list[Input] = []
    taken: set[str] = set()
    for spec in specs:
        kind = source_kind(spec)
        first = _stream_name(spec, kind)
        later = (f"{first}-{n}" for n in itertools.count(2))
        name = next(name for name in itertools.chain([first], later) if name not in taken)
        taken.add(name)
        target = int(spec) if spec.isdigit() else spec
        options = {"options": live} if kind in LIVE and live is not None else {}
        found.append(Input(name, kind, load(SOURCES[kind])(target, name, **options)))
    return found


def _stream_name(spec: str, kind: str) -> str:
    if kind == "street":
        return "street"
    if kind == "url":
        parts = urlsplit(spec)
        return Path(parts.path).stem or parts.hostname or "stream"
    if kind == "camera":
        return f"camera-{spec}" if spec.isdigit() else Path(spec).name
    return Path(spec).stem if kind == "file" else spec


D = TypeVar("D", bound=Detector)


def for_tracking(detector: D) -> tuple[D, Callable[[], Tracker]]:
    """A detector for a tracker, and what makes a tracker for each stream.

    ByteTrack follows objects on with weak detections, so the detector's threshold goes down and
    its old one decides in the tracker which detections are strong.
    """
    from sightline.models.detector import EngineDetector
    from sightline.tracking.bytetrack import LOW_THRESHOLD, ByteTrack

    if not isinstance(detector, EngineDetector):
        return detector, ByteTrack
    conf = detector.conf
    low = min(conf, LOW_THRESHOLD)
    return detector.replaced(conf=low), partial(
        ByteTrack, high_threshold=conf, new_track_threshold=conf, low_threshold=low
    )


class Outputs:
    """The sinks of a run: some shared by all streams, one kind for videos, one for pictures.

    ``state`` is how the run ended ("done", "failed", "interrupted"); the database keeps it.
    """

    def __init__(
        self, shared: Sequence[Sink], video: Sink | None, images: Sink | None, database: Any
    ) -> None:
        self.state = "failed"  # unless it is told otherwise, a run that closes was cut off
        self._shared, self._video, self._images, self._database = shared, video, images, database

    def sinks(self, *, still: bool) -> list[Sink]:
        """Those of one stream."""
        annotated = self._images if still else self._video
        return [*self._shared, *([annotated] if annotated is not None else [])]

    def close(self) -> None:
        """Close every sink; the first failure is raised after all were closed."""
        if self._database is not None:
            self._database.state = self.state
        with ExitStack() as stack:
            for sink in (*self._shared, self._video, self._images):
                if sink is not None:
                    stack.callback(sink.close)


def outputs(options: OutputOptions, run: Mapping[str, Any], inputs: Sequence[Input]) -> Outputs:
    """The sinks that options describe, for these inputs; ``run`` goes into the database.

    Raises:
        ConfigError: pictures cannot go where they are sent.
    """
    shared: list[Sink] = []
    if options.json_lines is not None:
        target = sys.stdout if options.json_lines == "-" else options.json_lines
        shared.append(load("sightline.sinks.jsonl:JsonLinesSink")(target))
    if options.csv is not None:
        shared.append(load("sightline.sinks.csv_:CsvSink")(options.csv))
    if options.coco is not None:
        shared.append(load("sightline.sinks.coco:CocoSink")(options.coco))
    if options.mot is not None:
        shared.append(load("sightline.sinks.mot:MotSink")(options.mot))
    database = None
    if options.database is not None:
        database = load("sightline.sinks.database:DatabaseSink")(options.database, run)
        shared.append(database)
    if options.show:
        shared.append(load("sightline.sinks.window:WindowSink")("Sightline"))
    video = images = None
    if options.annotated is not None:
        from sightline.sinks.files import is_folder

        rate = {"show_fps": options.show_fps}
        videos = sum(not i.still for i in inputs)
        if videos > 1 and not is_folder(options.annotated):
            raise ConfigError(
                f"--output {options.annotated}: {videos} videos go to a folder: "
                f"{options.annotated}/"
            )
        if videos:
            video = load("sightline.sinks.video:VideoSink")(options.annotated, **rate)
        if any(i.still for i in inputs):
            if Path(options.annotated).suffix.lower() in VIDEO_SUFFIXES:
                raise ConfigError(f"--output {options.annotated}: pictures go to a folder")
            images = load("sightline.sinks.images:ImageSink")(options.annotated)
    return Outputs(shared, video, images, database)

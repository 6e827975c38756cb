"""Models: which file, which runtime, which family, and the tracker that suits."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sightline.build.backends import ONLY_RUNTIME, pick_backend
from sightline.build.model_files import PEOPLE, model_path
from sightline.config import (
    ByteTrackOptions,
    EngineOptions,
    EnsembleModelOptions,
    ModelOptions,
    ServedModelOptions,
    SharedModelOptions,
    TiledModelOptions,
    TrackerKind,
)
from sightline.errors import ConfigError, ModelError, NotVision
from sightline.protocols import (
    Decoder,
    Detector,
    Engine,
    SharedDetector,
    TrackableDetector,
    Tracker,
)
from sightline.tables import DECODERS, ENGINES, TRACKERS, load
from sightline.types import Normalization

if TYPE_CHECKING:
    from sightline.engines.native import NativeEngine
    from sightline.models.card import CardReading
    from sightline.models.composites.ensemble import EnsembleDetector
    from sightline.models.composites.tiles import TiledDetector
    from sightline.models.detector import EngineDetector
    from sightline.models.model_card import ModelCard

log = logging.getLogger(__name__)


OF_DECODERS = ("anchors", "keypoint_shape")
"""Fields of a card that families are made with: those that name them in their own ``card``."""

D = TypeVar("D", bound=Detector)

ReadCard = Callable[[ModelOptions], "CardReading"]
"""Reads the card of the model that options mean. Raises ModelError, ConfigError."""


class _Decoders(Mapping[str, Decoder]):
    """Every model family, each loaded when it is first looked at."""

    def __init__(self) -> None:
        self._loaded: dict[str, Decoder] = {}

    def __getitem__(self, name: str) -> Decoder:
        if name not in self._loaded:
            self._loaded[name] = load(DECODERS[name])()
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(DECODERS)

    def __len__(self) -> int:
        return len(DECODERS)

    def __contains__(self, name: object) -> bool:
        return name in DECODERS


def decoders() -> Mapping[str, Decoder]:
    """Every model family."""
    return _Decoders()


def detector(options: ModelOptions, *, stills: bool = False) -> Detector:
    """The detector that options describe.

    Args:
        options: the model and how it is used.
        stills: only a few pictures will come, so a quick start counts more than speed later.

    Raises:
        ModelError, EngineError, ConfigError: see ``read_card``, the engines and EngineDetector.
    """
    if options.model == PEOPLE:
        return _looking(options, _people(options))

    def engine(reading: CardReading) -> Engine:
        return engine_per_process(reading, options, _read, stills=stills)

    return _looking(options, _around(options, engine))


def _looking(options: ModelOptions, detector: D) -> D | TiledDetector:
    """The detector, which looks at tiles where the options say so."""
    if not isinstance(options, TiledModelOptions):
        return detector
    from sightline.models.composites.tiles import TiledDetector

    try:
        return TiledDetector(detector, options)
    except BaseException:  # re-raised once the engine is closed
        detector.close()
        raise


def engine_per_process(
    reading: CardReading, options: ModelOptions, read: ReadCard, *, stills: bool = False
) -> Engine:
    """The engine of a model whose card was read; other processes read it again and make their own."""
    from sightline.engines.per_process import PerProcessEngine

    built = _read_engine(reading, options, stills=stills)
    # Another process may work in another folder.
    again = options.model_copy(update={"model": str(model_path(options).absolute())})
    return PerProcessEngine(built, partial(_engine, again, read, stills=stills))


def _engine(options: ModelOptions, read: ReadCard, *, stills: bool) -> Engine:
    """The engine of a model that was loaded before, in another process."""
    return _read_engine(read(options), options, stills=stills)


def _read_engine(reading: CardReading, options: ModelOptions, *, stills: bool = False) -> Engine:
    """The engine of a model whose card was read."""
    return build_engine(
        reading.file.content,
        reading.card.normalization,
        options,
        stills=stills,
        flat=reading.flat,
    )


def served_detector(name: str, options: SharedModelOptions, hang_s: float) -> SharedDetector:
    """The detector of a service: its engine may be several, one behind or beside another.

    Args:
        name: that clients call the model by.
        options: the model, its replicas and its fallbacks.
        hang_s: an inference that takes longer has hung.

    Raises:
        ModelError, EngineError, ConfigError: as ``detector``.
    """
    if any(file.model == PEOPLE for file in options.files):
        raise ConfigError(f"models.{name}: `people` has no network that could be served")
    if isinstance(options, EnsembleModelOptions):
        return _ensemble(options)
    return _looking(options, _around(options, lambda read: _composed(read, options, hang_s)))


def _ensemble(options: EnsembleModelOptions) -> EnsembleDetector:
    """Several models as one, each with an engine of its own."""
    from sightline.models.composites.ensemble import EnsembleDetector, EnsembleMember

    with ExitStack() as stack:
        members = []
        for member in options.of:
            one = _around(member, partial(_read_engine, options=member))
            stack.callback(one.close)
            members.append(EnsembleMember(one, member.weight, member.class_map))
        made = EnsembleDetector(members, options)
        stack.pop_all()
    return made


def native_engine(options: ModelOptions) -> NativeEngine:
    """The engine that runs a model's file by its own tensors.

    Raises:
        ModelError: it is no ONNX file, or ONNX Runtime cannot read it.
        EngineUnavailable, ConfigError: as ``detector``.
    """
    from sightline.engines.native import NativeEngine

    path = model_path(options)
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"{path}: only the tensors of ONNX files are served as they are")
    return NativeEngine(path, options.engine)


def _around(options: ModelOptions, make_engine: Callable[[CardReading], Engine]) -> EngineDetector:
    from sightline.models.detector import EngineDetector

    reading = _read(options)
    card, decoder = reading.card, card_decoder(reading.card)
    wanted = options.task if isinstance(options, ServedModelOptions) else "detect"
    if wanted not in {"detect", card.task}:
        raise ModelError(
            f"{reading.file.path}: its task is {card.task}, and not {wanted} as `task` says"
        )
    if not decoder.overlaps and (options.iou is not None or options.agnostic_nms):
        log.warning(
            "model %s: iou and agnostic_nms have no effect: its outputs are objects from which overlapping "
            "boxes were removed already", card.name,
        )  # fmt: skip
    engine = make_engine(reading)
    try:
        return EngineDetector(
            engine,
            card,
            decoder,
            flat=reading.flat,
            **options.model_dump(
                include={"conf", "iou", "size", "classes", "max_detections", "agnostic_nms"}
            ),
        )
    except BaseException:  # re-raised once the engine is closed
        engine.close()
        raise


def card_decoder(card: ModelCard) -> Decoder:
    """The decoder of a card's family."""
    family = load(DECODERS[card.decoder])
    taken = {name: getattr(card, name) for name in OF_DECODERS if name in family.card}
    decoder: Decoder = family(**taken)
    return decoder


def _read(options: ModelOptions) -> CardReading:
    from sightline.models.card import read_card
    from sightline.models.file import open_model

    path = model_path(options)
    try:
        return read_card(open_model(path), decoders())
    except ModelError as exc:
        raise NotVision(str(exc)) from exc


def _composed(reading: CardReading, options: ServedModelOptions, hang_s: float) -> Engine:
    """Replicas of the first choice, and behind them what takes over."""
    from sightline.engines.fallback.breaker import Fallback
    from sightline.engines.placement import place

    def one(how: EngineOptions) -> Engine:
        return _read_engine(reading, options.model_copy(update={"engine": how}))

    def first() -> Engine:
        size = reading.file.size_bytes
        return place(one, options.engine, options.replicas, size)

    if not options.fallback:
        return first()
    later = [
        (f"{number}: {how.device}", partial(one, how))
        for number, how in enumerate(options.fallback, 2)
    ]
    return Fallback([(f"1: {options.engine.device}", first), *later], hang_s=hang_s)


def _people(options: ModelOptions) -> Detector:
    from sightline.models.people import PeopleDetector

    kept = {"model", "models_dir", "conf", "iou", "classes", "max_detections"}
    for name in sorted((options.model_fields_set & ModelOptions.model_fields.keys()) - kept):
        value = getattr(options, name)
        if value != ModelOptions.model_fields[name].get_default():
            raise ConfigError(f"the detector `people` has no {name}: leave it out, or give a model")
    detector = PeopleDetector(options.conf, options.iou, options.max_detections)
    return detector if options.classes is None else detector.replaced(classes=options.classes)


def build_engine(
    model: Path | bytes,
    normalization: Normalization,
    options: ModelOptions,
    *,
    stills: bool = False,
    flat: bool = False,
) -> Engine:
    """The engine that a backend option means.

    It takes batches of any size up to what the model takes; with ``flat``, whose outputs have no row
    for each picture, one picture at a time.
    """
    name = pick_backend(options.backend, options.engine, stills=stills, model=model)
    # One after another is all that a few pictures can be, so each takes the whole processor.
    how = options.engine.model_copy(update={"hint": "latency"}) if stills else options.engine
    if name == "tensorrt" and how.cache_dir is None and options.models_dir is not None:
        # Building takes minutes, so what was built is always kept where that is possible.
        how = how.model_copy(update={"cache_dir": options.models_dir / "engines"})
    engine = _made(name, model, normalization, how, may_change=options.backend == "auto")
    batch = engine.info.input.shape[0]
    if flat or batch not in {None, 1}:
        from sightline.engines.fixed_batch import FixedBatch

        return FixedBatch(engine, batch or 1, rows=not flat)
    return engine


def _made(
    name: str,
    model: Path | bytes,
    normalization: Normalization,
    how: EngineOptions,
    *,
    may_change: bool,
) -> Engine:
    """An engine; ONNX Runtime where OpenVINO was picked and cannot read the model."""
    try:
        engine: Engine = load(ENGINES[name])(_what(name, model, how), normalization, how)
    except ModelError as exc:
        has_other = importlib.util.find_spec("onnxruntime") is not None
        only = isinstance(model, Path) and model.suffix.lower() in ONLY_RUNTIME
        if name != "openvino" or only or not has_other or "TensorRT" in str(exc):
            raise
        plain = how.device in {"auto", "cpu"} and how.precision in {"auto", "fp32"}
        if not (may_change and plain):
            raise ModelError(f"{exc}: use the backend onnxruntime") from exc
        log.warning("%s: it is run by ONNX Runtime instead", exc)
        engine = load(ENGINES["onnxruntime"])(model, normalization, how)
    return engine


def _what(backend: str, model: Path | bytes, options: EngineOptions) -> Path | bytes | str:
    """What an engine is made of: the model, or where it is served."""
    if backend != "triton":
        return model
    if options.url is None:
        raise ConfigError("backend triton: give the model's address as engine.url")
    return options.url


def for_tracking(
    detector: D, options: TrackerKind | None = None
) -> tuple[D, Callable[[], Tracker]]:
    """A detector for a tracker, and what makes a tracker for each stream.

    ByteTrack and its like follow objects on with weak detections, so the detector's threshold goes
    down to the tracker's ``low_threshold``, and its old one decides in the tracker which detections
    are strong. What ``options`` give counts instead.

    The second raises ConfigError: the thresholds do not go together.
    """
    options = ByteTrackOptions() if options is None else options
    entry = TRACKERS[options.kind]
    given = options.model_dump(exclude={"kind", "embedder"}, exclude_none=True)
    if not isinstance(detector, TrackableDetector):
        return detector, partial(load(entry.make), **given)
    suited = {n: v for n, v in _suited(detector).items() if n in entry.options}
    how = suited | given
    if "low_threshold" not in entry.options:
        return detector, partial(load(entry.make), **how)
    if "low_threshold" not in given and "high_threshold" in how:
        how["low_threshold"] = min(how["low_threshold"], how["high_threshold"])
    return detector.replaced(conf=how["low_threshold"]), partial(load(entry.make), **how)


def _suited(detector: TrackableDetector) -> Mapping[str, Any]:
    """The options of trackers that suit a detector: its own, or those that follow from its ``conf``."""
    from sightline.tracking.online import LOW_THRESHOLD

    if (suited := detector.tracker_options) is not None:
        return suited
    conf = detector.conf
    return {"high_threshold": conf, "new_track_threshold": conf, "low_threshold": LOW_THRESHOLD}


def suited_embedder(detector: Detector) -> str | None:
    """The name of the embedder that a detector has for its objects, or None."""
    return detector.embedder if isinstance(detector, TrackableDetector) else None

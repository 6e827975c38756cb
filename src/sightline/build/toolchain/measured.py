"""What is measured rather than used: the bare engine of a model, and a fleet with nothing around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sightline.build.model_files import model_path
from sightline.build.models import build_engine, decoders
from sightline.build.sources import inputs, source_kind
from sightline.config import AdaptiveOptions, ModelOptions, StreamOptions, checked
from sightline.errors import ConfigError, ModelError
from sightline.protocols import Engine
from sightline.types import Normalization

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile
    from sightline.optimize.benchmarks.setups import EngineSetup, Hint
    from sightline.runtime.streams.fleet import Fleet

DEFAULT_SIDE = 640
"""Side in pixels of an input that the model leaves open and no card tells."""


def measured_engine(
    options: ModelOptions, setup: EngineSetup, hint: Hint
) -> tuple[Engine, tuple[int, int]]:
    """The engine of a model in a setup, and the input (width, height) that it is measured with.

    Models without a known family are measured, too: their outputs are not read.

    Raises:
        ModelError, EngineError, ConfigError: this setup cannot run.
    """
    from sightline.models.canvas import CanvasRule
    from sightline.models.exporters.metadata import DETECTION_TASKS
    from sightline.models.file import open_model

    file = open_model(model_path(options))
    reading = _card(file)
    if reading and setup.size is not None and reading.card.task in DETECTION_TASKS:
        CanvasRule.of(reading.card, setup.size)  # raises what other commands say of that size
    _, _, height, width = file.input.shape
    own = reading.card.size if reading else (width or DEFAULT_SIDE, height or DEFAULT_SIDE)
    how = {"precision": setup.precision, "threads": setup.threads, "hint": hint}
    chosen = options.model_copy(
        update={"backend": setup.backend, "engine": options.engine.model_copy(update=how)}
    )
    engine = build_engine(
        (reading.file if reading else file).content,
        reading.card.normalization if reading else Normalization(),
        chosen,
        flat=bool(reading and reading.flat),
    )
    return engine, setup.size or own


def _card(file: ModelFile) -> CardReading | None:
    from sightline.models.card import read_card, read_crop_card

    try:
        return read_card(file, decoders())
    except ModelError:
        try:
            return read_crop_card(file)
        except ModelError:
            return None


@contextmanager
def measured_fleet(
    model: ModelOptions, streams: int, max_batch: int | None = None
) -> Iterator[Fleet]:
    """A fleet that analyses up to ``streams`` live streams with one model and keeps nothing.

    ``max_batch``: most pictures in an inference; None: as many as usual. Raises what
    ``Application.open`` does.
    """
    from sightline.build.application import Application
    from sightline.config import Configuration
    from sightline.runtime.repository.served_model import ExpectedUse
    from sightline.runtime.streams.fleet import Fleet

    application = Application(
        Configuration(
            models={"bench": model.model_dump(exclude_unset=True)},
            serving={"limits": {"streams": streams}},  # nothing is served, but so many may run
            scheduler={} if max_batch is None else {"max_batch": max_batch},
        ),
        expected={"bench": ExpectedUse(streams, live=True)},
    )
    try:
        application.open()
        assert isinstance(application.fleet, Fleet)
        yield application.fleet
    finally:
        application.close()


def camera_copies(
    source: str, fps: float, p99: float, *, motion: bool, option: str = "--fps"
) -> StreamOptions:
    """The options of streams that are copies of a source in real time, without an end.

    Args:
        source: what a user writes for it.
        fps: frames analysed per second.
        p99: the most age of 99 of 100 results, in ms.
        motion: only where something moves.
        option: that says ``fps``.

    Raises:
        ConfigError, SourceError: it cannot be what is wanted.
    """
    from sightline.sources.street.options import StreetOptions

    kind = source_kind(source)
    if kind == "images":
        raise ConfigError(
            f"{source}: pictures come at no rate, so nothing tells how many cameras hold: give a video, a camera or "
            "street://"
        )
    (found,) = inputs([source])
    try:
        rate = found.source.open().fps
    finally:
        found.source.close()
    if rate and rate < fps and not motion:
        raise ConfigError(f"{found.name} has {rate:g} FPS: {option} {fps:g} cannot be reached")
    if kind == "street":  # the same scene, without an end
        endless = StreetOptions.from_url(source).model_copy(update={"duration": 0.0})
        source = endless.url()
    return checked(
        StreamOptions,
        source=source,
        realtime=kind in {"file", "street"},
        loop=kind == "file",
        min_fps=0,
        adaptive=AdaptiveOptions(motion=motion, max_fps=fps, max_latency_ms=p99),
    )

"""Models that are shown single objects: classifiers and embedders, from options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sightline.build.model_files import model_path
from sightline.build.models import ReadCard, engine_per_process
from sightline.config import ModelOptions
from sightline.errors import ModelError
from sightline.protocols import Engine

if TYPE_CHECKING:
    from sightline.models.card import CardReading, CropTask
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder

T = TypeVar("T")


def classifier(options: ModelOptions, *, stills: bool = False) -> CropClassifier:
    """The classifier that options describe; ``stills`` as for ``detector``.

    Raises:
        ModelError, EngineError, ConfigError: see ``read_crop_card`` and the engines.
    """
    from sightline.models.classifier import CropClassifier

    def made(engine: Engine, reading: CardReading) -> CropClassifier:
        return CropClassifier(engine, reading.card, conf=options.conf)

    return _of_crops(options, _read_classifier, made, stills=stills)


def embedder(options: ModelOptions) -> CropEmbedder:
    """The embedder that options describe.

    Raises:
        ModelError, EngineError, ConfigError: see ``read_crop_card`` and the engines.
    """
    from sightline.models.embedder import CropEmbedder

    def made(engine: Engine, reading: CardReading) -> CropEmbedder:
        return CropEmbedder(engine, reading.card, reading.file.weights_sha256, options.model)

    return _of_crops(options, _read_embedder, made)


def _of_crops(
    options: ModelOptions,
    read: ReadCard,
    make: Callable[[Engine, CardReading], T],
    *,
    stills: bool = False,
) -> T:
    """A model that is shown single objects."""
    reading = read(options)
    engine = engine_per_process(reading, options, read, stills=stills)
    try:
        return make(engine, reading)
    except BaseException:  # re-raised once the engine is closed
        engine.close()
        raise


def _read_classifier(options: ModelOptions) -> CardReading:
    return _read_crop_model(options, "classify", "a classifier")


def _read_embedder(options: ModelOptions) -> CardReading:
    return _read_crop_model(options, "embed", "an embedder")


def _read_crop_model(options: ModelOptions, task: CropTask, needed: str) -> CardReading:
    from sightline.models.card import read_crop_card
    from sightline.models.file import open_model

    path = model_path(options, of_crops=True)
    reading = read_crop_card(open_model(path), task)
    if reading.card.task != task:
        raise ModelError(
            f"{path}: {needed} is needed, and this model's task is {reading.card.task}"
        )
    return reading

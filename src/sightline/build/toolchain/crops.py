"""What a classifier or an embedder is shown where its variants are compared: whole frames, or objects in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sightline.build.crop_models import classifier, embedder
from sightline.build.models import detector
from sightline.build.stages import stage_class_ids
from sightline.config import ClassifyOptions, ModelOptions, stage_options
from sightline.errors import ConfigError
from sightline.geometry import whole_box
from sightline.types import Floats, Frame, Observation

if TYPE_CHECKING:
    from sightline.build.sources import SourceInput
    from sightline.models.crop_model import CropModel
    from sightline.models.model_card import ModelCard
    from sightline.optimize.variants.pictures import NetworkPictures

BoxesOf: TypeAlias = Callable[[Frame], Floats]
"""The boxes (N, 4) xyxy of a frame whose pixels a model is shown."""

MOST_OF_FRAME = 8
"""Objects of one frame that are shown; more of them tell little that is new."""


def crop_model(options: ModelOptions, card: ModelCard) -> CropModel:
    """The classifier or embedder that options describe, by the task of its card. Raises what they do."""
    return classifier(options) if card.task == "classify" else embedder(options)


@contextmanager
def boxes_of(crops: str | None, model: ModelOptions) -> Iterator[BoxesOf]:
    """What is shown of frames: the objects of a detector ``NAME`` or ``NAME:class,class``; None: whole frames.

    Args:
        model: whose folder of models the name is looked up in.

    Raises:
        ConfigError, ModelError, EngineError: the detector cannot be used, or has no such class.
    """
    if crops is None:
        yield lambda frame: whole_box(frame.width, frame.height)
        return
    from sightline.runtime.streams.crop_choice import CropChoice

    options = stage_options(ClassifyOptions, crops)
    found_by = ModelOptions(model=options.model, models_dir=model.models_dir)
    with closing(detector(found_by)) as finder:
        choice = CropChoice(options, stage_class_ids(options, finder.class_names))

        def boxes(frame: Frame) -> Floats:
            (found,) = finder.submit([frame]).result()
            shown = found[choice.of(Observation(frame, found))]
            order = np.argsort(-shown.scores, kind="stable")[:MOST_OF_FRAME]
            return shown.extents[order]

        yield boxes


def check_shown(
    card: ModelCard, inputs: Sequence[SourceInput], crops: str | None, flag: str
) -> None:
    """Raise ConfigError where a model of single objects would be shown whole frames of footage."""
    if crops is not None or card.resize == "centre-crop":
        return
    for named in inputs:
        if not named.still:
            raise ConfigError(
                f"{flag} {named.name}: {card.name} is shown single objects, and these are whole frames: name "
                "the detector whose objects it is shown, --crops street:car,truck, or give pictures of objects"
            )


def cut_frames(
    frames: Iterable[Frame], boxes: BoxesOf, card: ModelCard, pictures: NetworkPictures
) -> list[int]:
    """Keep what a model is shown of frames.

    Returns:
        The number of the frame, from 0, that each kept picture was cut from.
    """
    from sightline.models.crops import cut

    numbers = []
    for number, frame in enumerate(frames):
        made = cut(frame, boxes(frame), card)
        for pixels in made:
            pictures.add(pixels, (frame.width, frame.height))
        numbers += [number] * len(made)
    return numbers

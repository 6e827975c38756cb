"""What a classifier or an embedder is shown of footage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest

from sightline import build
from sightline.build.toolchain import crops
from sightline.build.toolchain.cards import onnx_card
from sightline.build.toolchain.crops import boxes_of, check_shown, cut_frames
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.models.model_card import ModelCard
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.sources.street import StreetSource
from sightline.tables import BUNDLED
from sightline.types import Frame, Pixels

STREET = "street://?seed=10003&duration=1&fps=3&width=640&height=384"
MODEL = ModelOptions(model="street-attributes")


@pytest.fixture
def card() -> ModelCard:
    return onnx_card(BUNDLED / "street-attributes.onnx").card


def test_whole_frames(frame_of: Callable[[Pixels], Frame], card: ModelCard) -> None:
    frame = frame_of(np.full((60, 100, 3), 200, np.uint8))
    with boxes_of(None, MODEL) as boxes, closing(NetworkPictures()) as kept:
        assert boxes(frame).tolist() == [[0, 0, 100, 60]]
        assert cut_frames([frame, frame], boxes, card, kept) == [0, 1]
        assert kept[0].shape == (48, 48, 3)
        assert kept.source(0) == (100, 60)


def test_objects_of_a_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "MOST_OF_FRAME", 100)
    frame = next(iter(StreetSource(STREET)))
    with boxes_of("street:car,bus", MODEL) as some, boxes_of("street", MODEL) as every:
        cars, all_objects = some(frame), every(frame)
    assert 1 <= len(cars) < len(all_objects)
    assert {tuple(box) for box in cars.tolist()} <= {tuple(box) for box in all_objects.tolist()}


def test_a_class_that_the_detector_does_not_have() -> None:
    with pytest.raises(ConfigError, match="zebra"), boxes_of("street:zebra", MODEL):
        pass


def test_frames_of_footage_are_no_single_objects(card: ModelCard) -> None:
    inputs = build.inputs([STREET])
    with pytest.raises(ConfigError, match="--crops street:car,truck"):
        check_shown(card, inputs, None, "--data")
    check_shown(card, inputs, "street", "--data")
    whole = card.model_copy(update={"resize": "centre-crop"})
    check_shown(whole, inputs, None, "--data")

"""Variants of classifiers and embedders, judged by what the bundled models say of a street."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from sightline.build import classifier, embedder
from sightline.build.toolchain.crops import cut_frames
from sightline.config import ModelOptions
from sightline.engines.wrapper import EngineWrapper
from sightline.errors import ConfigError, InferenceError
from sightline.models.crop_model import CropModel
from sightline.optimize.variants.crops import (
    ShownCrops,
    agreement_judge,
    label_judge,
)
from sightline.optimize.variants.gate import LossLimits
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.sources.street import StreetSource, truth_of
from sightline.types import Floats, Frame

STREET = "street://?seed=10003&duration=8&fps=2&density=2&width=640&height=384"
LIMITS = LossLimits()


def vehicles(frame: Frame) -> Floats:
    truth = truth_of(frame)
    large = (truth.boxes[:, 2:] - truth.boxes[:, :2]).min(axis=1) > 20
    return truth.boxes[large & (truth.class_ids != 0) & (truth.visibility > 0.6)]


@pytest.fixture(scope="module")
def pictures() -> Iterator[NetworkPictures]:
    """Both models are shown crops that are cut alike."""
    with closing(NetworkPictures()) as kept:
        card = classifier(ModelOptions(model="street-attributes")).card
        cut_frames(StreetSource(STREET), vehicles, card, kept)
        yield kept


@pytest.fixture(scope="module", params=["street-attributes", "street-embedder"])
def model(request: pytest.FixtureRequest) -> Iterator[CropModel]:
    make: Callable[[ModelOptions], CropModel]
    make = classifier if request.param == "street-attributes" else embedder
    with closing(make(ModelOptions(model=request.param, backend="onnxruntime"))) as built:
        yield built


class Changed(EngineWrapper):
    """An engine whose outputs are changed."""

    def __init__(self, engine: Any, change: Callable[[Floats], Floats]) -> None:
        super().__init__(engine)
        self._change = change

    def submit(self, shape: Any, fill: Any, read: Any) -> Any:
        return self.engine.submit(shape, fill, lambda outs: read([self._change(o) for o in outs]))


def shown(model: CropModel, pictures: NetworkPictures) -> ShownCrops:
    return ShownCrops(model, pictures, range(len(pictures)))


def test_the_original_agrees_with_itself(model: CropModel, pictures: NetworkPictures) -> None:
    verdict = agreement_judge(shown(model, pictures), LIMITS)(model.engine)
    assert verdict.accepted, verdict
    assert verdict.kept == pytest.approx(1, abs=1e-6)


def test_other_outputs_do_not(model: CropModel, pictures: NetworkPictures) -> None:
    turned = Changed(model.engine, lambda output: np.roll(output, 1, axis=1))
    verdict = agreement_judge(shown(model, pictures), LIMITS)(turned)
    assert not verdict.accepted
    assert verdict.kept < 0.6


def test_less_certainty_is_a_loss(pictures: NetworkPictures) -> None:
    with closing(classifier(ModelOptions(model="street-attributes"))) as model:
        duller = Changed(model.engine, lambda output: output * 0.5 + 0.5 / output.shape[1])
        verdict = agreement_judge(shown(model, pictures), LIMITS)(duller)
    assert verdict.kept == 1
    assert "the mean probability of the original's sure names of type falls" in verdict.reason


def test_what_is_no_number_is_told(model: CropModel, pictures: NetworkPictures) -> None:
    broken = Changed(model.engine, lambda output: output * np.float32(np.nan))
    judge = agreement_judge(shown(model, pictures), LIMITS)
    with pytest.raises(InferenceError, match="number"):
        judge(broken)


def test_too_few_pictures_that_it_is_sure_of(pictures: NetworkPictures) -> None:
    with (
        closing(classifier(ModelOptions(model="street-attributes"))) as model,
        pytest.raises(ConfigError, match="sure of fewer than 20 pictures"),
    ):
        agreement_judge(ShownCrops(model, pictures, range(10)), LIMITS)


def test_labels_judge_both(model: CropModel, pictures: NetworkPictures) -> None:
    """The labels are what the original says, so that it is right of everything."""
    crops = shown(model, pictures)
    answers = crops.answers()
    names = getattr(model, "attributes", {"identity": ()})
    labels = {name: one.argmax(axis=1) for name, one in zip(names, answers, strict=True)}
    judge = label_judge(crops, labels, LIMITS)
    assert judge(model.engine).kept == pytest.approx(1)
    blurred = Changed(model.engine, lambda output: np.roll(output, 1, axis=1) ** 2)
    assert judge(model.engine).accepted
    if len(answers) > 1:
        assert "accuracy of type falls from 1.000" in judge(blurred).reason

"""What variants of a classifier or an embedder say of pictures that the original was shown, and how they are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import ConfigError, InferenceError
from sightline.evaluation.classification import (
    AttributeScores,
    named_values,
    score_values,
    sure_values,
    true_values,
)
from sightline.evaluation.retrieval import compare_vectors, mean_average_precision
from sightline.models.classifier import CropClassifier
from sightline.models.crop_model import CropModel
from sightline.models.embedder import CropEmbedder
from sightline.models.model_card import ModelCard
from sightline.optimize.variants.gate import (
    FEWEST_OBJECTS,
    LossLimits,
    Verdict,
    judge_names,
    judge_retrieval,
    judge_sure_names,
    judge_vectors,
)
from sightline.optimize.variants.original import Judge
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.protocols import Engine
from sightline.types import Floats, Ints, Mask

AT_A_TIME = 64
"""Pictures that are read from disk together."""


@dataclass(frozen=True)
class ShownCrops:
    """Pictures that a model was shown, and which of them count.

    Args:
        model: the original.
        pictures: as its network was given them.
        places: those that are judged by.
    """

    model: CropModel
    pictures: NetworkPictures
    places: Sequence[int]

    def answers(self, engine: Engine | None = None) -> list[Floats]:
        """What the model says with another engine, None: with its own. See ``crop_answers``."""
        return crop_answers(self.model, engine, self.pictures, self.places)


def crop_answers(
    model: CropModel, engine: Engine | None, pictures: NetworkPictures, places: Sequence[int]
) -> list[Floats]:
    """What a model with another engine says of kept pictures, in the order of ``places``.

    Returns:
        Of a classifier the probabilities (N, values) of each attribute, of an embedder its vectors (N, length).

    Raises:
        InferenceError: an answer is NaN or infinite.
    """
    if engine is not None:
        other = engine
        model = model.with_engines(lambda _: other)
    parts = []
    for at in range(0, len(places), AT_A_TIME):
        shown = [pictures[place] for place in places[at : at + AT_A_TIME]]
        running: Future[Any]
        if isinstance(model, CropClassifier):
            running = model.scores_of_cut(shown)
        else:
            running = model.vectors_of_cut(shown)
        found = running.result()
        parts.append(found if isinstance(found, list) else [found])
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    if not all(np.isfinite(array).all() for array in joined):
        raise InferenceError(
            "an output of the model is not a number (NaN) or infinite for these pictures: it cannot be "
            "compared with anything. Try it in FP32, or export it again"
        )
    return joined


def agreement_judge(shown: ShownCrops, limits: LossLimits) -> Judge:
    """A judge by what the original itself says. Raises ConfigError: it says too little to go by."""
    if isinstance(shown.model, CropEmbedder):
        (reference,) = shown.answers()

        def judge(engine: Engine) -> Verdict:
            (vectors,) = shown.answers(engine)
            return judge_vectors(compare_vectors(vectors, reference), limits)

        return judge
    return _sure_judge(shown, shown.model, limits)


def _sure_judge(shown: ShownCrops, model: CropClassifier, limits: LossLimits) -> Judge:
    card, names = model.card, tuple(model.attributes)
    reference = shown.answers()
    counts = [one.count for one in sure_scores(card, reference, reference).values()]
    if max(counts) < FEWEST_OBJECTS:
        raise ConfigError(
            f"--data: the model is sure of fewer than {FEWEST_OBJECTS} pictures in this footage, so nothing can "
            "be compared: is it what the model was made for? Give other footage, or labelled pictures with --labels"
        )
    sure = [sure_values(one, several=card.multi_label) for one in reference]

    def judge(engine: Engine) -> Verdict:
        found = shown.answers(engine)
        shifts = {
            name: float((own - theirs)[which].mean())
            for name, own, theirs, which in zip(names, found, reference, sure, strict=True)
            if which.any()
        }
        return judge_sure_names(sure_scores(card, found, reference), shifts, limits)

    return judge


def sure_scores(
    card: ModelCard, found: Sequence[Floats], reference: Sequence[Floats]
) -> dict[str, AttributeScores]:
    """How much of what a reference is sure of was named, by attribute; both as ``crop_answers`` gives them."""
    several = card.multi_label
    return {
        name: score_values(
            named_values(own, several=several), sure_values(theirs, several=several), values
        )
        for (name, values), own, theirs in zip(
            card.attributes.items(), found, reference, strict=True
        )
    }


def label_judge(shown: ShownCrops, labels: Mapping[str, Ints], limits: LossLimits) -> Judge:
    """A judge by labels.

    Args:
        shown: the labelled pictures.
        labels: of a classifier the place of each picture's true value by attribute, -1 where none is
            known; of an embedder one entry, whatever its name: the number of each picture's identity.
        limits: what may be lost.

    Raises:
        ConfigError: the original is right of nothing.
    """
    model = shown.model
    if isinstance(model, CropEmbedder):
        (identities,) = labels.values()
        (vectors,) = shown.answers()
        before = mean_average_precision(vectors, identities)
        if not before > 0:
            raise ConfigError(
                "--labels: no identity has two pictures, so nothing tells what is found"
            )

        def judge_identities(engine: Engine) -> Verdict:
            (found,) = shown.answers(engine)
            return judge_retrieval(mean_average_precision(found, identities), before, limits)

        return judge_identities
    classifier = model
    true = {
        name: true_values(labels[name], len(names))
        for name, names in classifier.attributes.items()
        if name in labels
    }
    original = attribute_scores(
        classifier, dict(zip(classifier.attributes, shown.answers(), strict=True)), true
    )
    if not any(one.accuracy > 0 for one in original.values()):
        raise ConfigError(
            "--labels: the original names none of these pictures rightly, so nothing can be lost: are the "
            "classes called as the model calls them?"
        )

    def judge(engine: Engine) -> Verdict:
        found = dict(zip(classifier.attributes, shown.answers(engine), strict=True))
        return judge_names(attribute_scores(classifier, found, true), original, limits)

    return judge


def attribute_scores(
    model: CropClassifier, found: Mapping[str, Floats], true: Mapping[str, Mask]
) -> dict[str, AttributeScores]:
    """How well each attribute that ``true`` tells was named, from the probabilities that were ``found``."""
    several = model.card.multi_label
    return {
        name: score_values(
            named_values(found[name], several=several), right, model.attributes[name]
        )
        for name, right in true.items()
    }

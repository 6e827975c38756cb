"""What variants of a classifier or an embedder are made and judged by."""

from __future__ import annotations

from contextlib import ExitStack, closing

import typer

from sightline.build.toolchain.crop_labels import labelled_crops
from sightline.build.toolchain.crops import boxes_of, check_shown, crop_model, cut_frames
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.evidence import (
    Evidence,
    check_amount,
    doubts_told,
    footage,
    footage_frames,
)
from sightline.cli.toolchain.optimize_request import OptimizeRequest
from sightline.config import ModelOptions
from sightline.evaluation.notes import Notes
from sightline.models.model_card import ModelCard
from sightline.optimize.variants.crops import ShownCrops, agreement_judge, label_judge
from sightline.optimize.variants.pictures import NetworkPictures


def crop_evidence(
    request: OptimizeRequest,
    options: ModelOptions,
    card: ModelCard,
    progress: ProgressLine,
    stack: ExitStack,
) -> Evidence:
    """What a classifier or an embedder is shown of the footage, and of labelled pictures where there are some.

    Crops of every second frame tell how values are scaled; without labels those of the others judge.

    Raises:
        ConfigError: the footage is live or too short, tells nothing, or shows whole frames to a model
            of single objects; or the labels cannot be used.
        SightlineError: the first failure of a source or a model.
    """
    check_shown(card, footage(request), request.crops, "--data")
    model = crop_model(options, card)
    stack.callback(model.close)
    labelled, notes = stack.enter_context(closing(NetworkPictures())), Notes()
    labels = {}
    if (
        request.labels is not None
    ):  # first: they are soon read, and a mistake in them is told at once
        labels = labelled_crops(request.labels, card, labelled, notes)
        for line in notes.lines():
            typer.echo(line, err=True)
    shown = stack.enter_context(closing(NetworkPictures()))
    with boxes_of(request.crops, options) as boxes:
        numbers = cut_frames(footage_frames(request, progress), boxes, card, shown)
    check_amount(request, len(numbers), "pictures of objects" if request.crops else "frames")
    doubts = doubts_told(request, shown, progress)
    if labels:
        crops = ShownCrops(model, labelled, range(len(labelled)))
        return Evidence(
            shown, tuple(range(len(shown))), label_judge(crops, labels, request.limits), doubts
        )
    judged = tuple(place for place, number in enumerate(numbers) if number % 2)
    calibration = tuple(place for place, number in enumerate(numbers) if not number % 2)
    return Evidence(
        shown,
        calibration,
        agreement_judge(ShownCrops(model, shown, judged), request.limits),
        doubts,
    )

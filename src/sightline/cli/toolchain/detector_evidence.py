"""What variants of a detector are made and judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import typer

from sightline.cli import footage
from sightline.cli.scoring import STREET
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.evidence import Evidence, check_amount, doubts_told, footage_frames
from sightline.cli.toolchain.optimize_request import OptimizeRequest
from sightline.coco import COCO_NAMES
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.evaluation.agreement import score_agreement
from sightline.evaluation.detection import DetectionScores, with_classes
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.optimize.variants.gate import Verdict, judge_agreement, judge_scores, judge_shapes
from sightline.optimize.variants.original import Judge
from sightline.optimize.variants.pictures import NetworkPictures, RecordingDetector, detect_again
from sightline.protocols import Engine, SharedDetector
from sightline.types import Detections

SURE = 0.5
"""The score from which what the original finds stands for the truth."""


LOW_MAP = 0.1
"""Of the original, on labels: below it, labels are more often wrong than models are bad."""


def detector_evidence(
    request: OptimizeRequest, options: ModelOptions, progress: ProgressLine, stack: ExitStack
) -> Evidence:
    """What a detector sees in the footage, and in the labelled pictures where there are some.

    Raises:
        ConfigError: the footage is live or too short, or tells nothing.
        SightlineError: the first failure of a source or of the detector.
    """
    shown = stack.enter_context(closing(NetworkPictures()))
    detector = stack.enter_context(footage.detector(options))
    assert isinstance(detector, SharedDetector)
    judge: Judge | None = None
    if request.labels is not None:  # first: a mistake in them is told at once
        labelled = stack.enter_context(closing(NetworkPictures()))
        judge = _label_judge(request, detector, labelled)
    found = detect_footage(request, RecordingDetector(detector, shown), progress)
    check_amount(request, len(found))
    places = range(len(shown))
    if judge is not None:
        if not any(map(len, found)):
            progress.end()
            typer.echo(
                "--data: the model is sure of nothing in this footage, on which INT8 scales are found: is it what "
                "the cameras will show?",
                err=True,
            )
        return Evidence(shown, tuple(places), judge, doubts_told(request, shown, progress))
    if not any(map(len, found)):
        raise ConfigError(
            "--data: the model is sure of nothing in this footage, so nothing can be compared: is it what "
            "the model was made for? Give other footage, or labelled pictures with --labels"
        )
    doubts = doubts_told(request, shown, progress)
    judge = _agreement_judge(request, detector, shown, tuple(places[1::2]), found)
    return Evidence(shown, tuple(places[::2]), judge, doubts)


def detect_footage(
    request: OptimizeRequest, detector: RecordingDetector, progress: ProgressLine
) -> list[Detections]:
    """What the original is sure of in frames that are evenly spread over the footage.

    Raises as ``footage_frames``.
    """
    found: list[Detections] = []
    for frame in footage_frames(request, progress):
        found += map(_sure, detector.submit([frame]).result())
    return found


def _sure(found: Detections) -> Detections:
    return found[found.scores >= SURE]


def _agreement_judge(
    request: OptimizeRequest,
    detector: SharedDetector,
    shown: NetworkPictures,
    places: Sequence[int],
    found: Sequence[Detections],
) -> Judge:
    reference = [found[place] for place in places]

    def judge(engine: Engine) -> Verdict:
        again = detect_again(detector, engine, shown, places)
        scores = score_agreement(again, reference, detector.class_names, confident=SURE)
        return judge_agreement(scores, request.limits)

    return judge


def _label_judge(
    request: OptimizeRequest, detector: SharedDetector, labelled: NetworkPictures
) -> Judge:
    assert request.labels is not None
    notes = Notes()
    recording = RecordingDetector(detector, labelled)
    if request.labels.startswith(STREET):
        dataset, found = footage.see_street(request.labels, recording, None)
        names: Sequence[str] = detector.class_names
    else:
        whole = read_dataset(
            Path(request.labels), footage.size_of, images=request.images, class_names=COCO_NAMES,
            split=None, notes=notes,
        )  # fmt: skip
        dataset, found = footage.see_pictures(whole.by_name(), recording, request.labels, notes)
        names = as_written(detector.class_names, dataset.class_names, Notes())
    for line in notes.lines():
        typer.echo(line, err=True)
    own = dataset.score(found)
    if not own.map > 0:
        raise ConfigError(
            f"--labels {request.labels}: the original finds none of these objects, so nothing can be lost: "
            "are the classes called as the model calls them?"
        )
    if own.map < LOW_MAP:
        typer.echo(
            f"--labels {request.labels}: the original reaches a mAP of {own.map:.3f} only, so that it has little to "
            "lose: are they those of these pictures, and the classes called as the model calls them?",
            err=True,
        )
    untold = _untold_shapes(found, own)
    sure = [_sure(one) for one in found] if untold else []

    def judge(engine: Engine) -> Verdict:
        seen = list(detect_again(detector, engine, labelled, range(len(labelled))))
        again = with_classes(seen, names, dataset.class_names)
        verdict = judge_scores(dataset.score(again), own, request.limits)
        if not untold:
            return verdict
        scores = score_agreement(again, sure, dataset.class_names, confident=SURE)
        return verdict.joined(judge_shapes(scores, request.limits, untold))

    return judge


def _untold_shapes(found: Sequence[Detections], own: DetectionScores) -> list[str]:
    """The figures of shapes that the model tells and the labels do not: the original stands for the truth."""
    outlines, points = math.isnan(own.mask_map), math.isnan(own.keypoint_map)
    told = {
        "mask_iou": outlines and any(one.masks is not None for one in found),
        "turned_iou": outlines and any(one.angles is not None for one in found),
        "keypoint_oks": points and any(one.keypoints is not None for one in found),
    }
    return [name for name, is_told in told.items() if is_told]

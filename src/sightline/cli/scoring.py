"""What ``sightline evaluate`` does once its options are read: look, score, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sightline.errors import ConfigError, SourceError
from sightline.tables import TRACKERS

if TYPE_CHECKING:
    from sightline.config import ModelOptions, TrackerKind
    from sightline.evaluation.detection import DetectionScores
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.pictures.labels import Dataset
    from sightline.evaluation.requirements import Requirement
    from sightline.types import Detections

STREET = "street://"


class Labels(NamedTuple):
    """What detections are scored against: where the labels are, and which of them count."""

    truth: str
    images: Path | None
    split: str | None
    frames: int | None


def labelled_scores(labels: Labels, model: ModelOptions) -> DetectionScores:
    """The scores of what a model finds. Raises ConfigError, SourceError."""
    dataset, found = found_on_labels(labels, model)
    return dataset.score(found, dataset.class_names)


def found_on_labels(labels: Labels, model: ModelOptions) -> tuple[Dataset, list[Detections]]:
    """The labelled pictures that could be looked at, and what a model finds in them. Raises ConfigError, SourceError."""
    from sightline.evaluation.notes import Notes

    notes = Notes()
    labelled = _labelled(labels, notes)
    named = None if labelled is None else labelled.by_name()
    return _seen(labels, named, model, notes)


def _labelled(labels: Labels, notes: Notes) -> Dataset | None:
    """The pictures with their labels; None of a street, which is made while it is looked at."""
    from sightline.cli import footage
    from sightline.coco import COCO_NAMES
    from sightline.evaluation.pictures.datasets import read_dataset

    if labels.truth.startswith(STREET):
        return None
    return read_dataset(
        Path(labels.truth), footage.size_of, images=labels.images, class_names=COCO_NAMES,
        split=labels.split, notes=notes,
    )  # fmt: skip


def _seen(
    labels: Labels, dataset: Dataset | None, model: ModelOptions, notes: Notes
) -> tuple[Dataset, list[Detections]]:
    """The pictures that could be looked at, and what a model finds in them."""
    from dataclasses import replace

    from sightline.cli import footage

    with footage.detector(model) as detector:
        if dataset is None:
            return footage.see_street(labels.truth, detector, labels.frames)
        looked_at = replace(dataset, pictures=dataset.pictures[: labels.frames])
        return footage.see_pictures(looked_at, detector, labels.truth, notes)


def score_detections(
    labels: Labels,
    by: ModelOptions | Path | None,
    classes: Sequence[str],
    require: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Score what a model finds, or what is in a file of predictions."""
    from dataclasses import replace

    from sightline.cli import footage
    from sightline.cli.terminal.scores import detection_table, report
    from sightline.coco import COCO_NAMES
    from sightline.evaluation.detection import ClassScores, DetectionScores, pick_classes
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.pictures.predictions import pair_predictions

    notes = Notes()
    if labels.truth.startswith(STREET) and isinstance(by, Path):
        raise ConfigError(
            f"{labels.truth}: a street is made while a model looks at it: give --model"
        )
    dataset, found = _labelled(labels, notes), None
    if dataset is not None and isinstance(by, Path):
        dataset, found = pair_predictions(by, dataset, notes, footage.size_of)
    elif dataset is not None:
        dataset = dataset.by_name()
    known = COCO_NAMES if dataset is None else dataset.class_names
    wanted = pick_classes(classes or known, known)
    needs = _requirements(require, DetectionScores, ClassScores, wanted)
    if found is None:
        assert by is not None
        assert not isinstance(by, Path)
        dataset, found = _seen(labels, dataset, by, notes)
    assert dataset is not None
    scores = replace(dataset.score(found, wanted), notes=notes.lines())
    report(scores, needs, detection_table(scores), as_json=as_json)


def track_requirements(texts: Sequence[str] | None) -> list[Requirement]:
    """What ``--require`` wants of tracks. Raises ConfigError."""
    from sightline.evaluation.tracking import TrackingScores

    return _requirements(texts, TrackingScores, TrackingScores, ())


def tracked_classes(truth: str, classes: str | None) -> tuple[str, ...]:
    """The classes that count: of a street all, else people. Raises ConfigError: MOT has no other."""
    from sightline.evaluation.tracks import mot

    if truth.startswith(STREET):
        return split_names(classes)
    wanted = split_names(classes) or mot.CLASS_NAMES
    if tuple(wanted) != mot.CLASS_NAMES:
        raise ConfigError(f"--classes {classes}: MOT truth holds people only: leave it out")
    return wanted


def compared_trackers(
    kinds: Sequence[str] | None,
    embedder: str | None,
    camera_motion: str,
    needs: Sequence[Requirement],
) -> dict[str, TrackerKind]:
    """The options of the trackers that are run, by their kinds. Raises ConfigError."""
    from sightline.config import TrackParameters, checked, embedder_of

    made: dict[str, TrackerKind] = {}
    for kind in kinds or [next(iter(TRACKERS))]:
        how: dict[str, object] = {"kind": kind, "camera_motion": camera_motion}
        if embedder is not None and kind in TRACKERS and "embedder" in TRACKERS[kind].options:
            how["embedder"] = embedder
        made[kind] = checked(TrackParameters, tracker=how).tracker
    if embedder is not None and not any(embedder_of(how) for how in made.values()):
        raise ConfigError(f"--embedder {embedder}: none of the trackers goes by looks")
    if needs and len(made) > 1:
        raise ConfigError("--require says what one tracker must reach: give one --tracker")
    return made


def read_tracks(
    truth: str, predictions: Sequence[Path], of_a_model: object, notes: Notes
) -> Mapping[str, Any]:
    """True and found tracks of sequences by their names, out of files. Raises ConfigError."""
    from sightline.evaluation.tracks import mot

    if of_a_model:
        raise ConfigError("--tracker and --embedder belong to a --model that is run now")
    if truth.startswith(STREET):
        raise ConfigError(f"{truth}: a street is made while a model looks at it: give --model")
    return mot.pair_files(Path(truth), predictions, notes)


class Footage(NamedTuple):
    """What trackers look at: the truth, and where it is no street the video or pictures."""

    truth: str
    video: Path | None
    fps: float
    frames: int | None


def report_tracks(
    trackers: Mapping[str, Mapping[str, Any]],
    needs: Sequence[Requirement],
    notes: Notes,
    *,
    as_json: bool,
) -> None:
    """Score the sequences of each tracker; of one alone, say whether they are as good as they need to be."""
    from dataclasses import replace

    from sightline.cli.terminal.scores import (
        plain_scores,
        report,
        report_trackers,
        tracking_table,
    )
    from sightline.evaluation.tracking import score_sequences

    scored = {kind: score_sequences(pairs) for kind, pairs in trackers.items()}
    if len(scored) > 1:
        report_trackers({kind: whole for kind, (whole, _) in scored.items()}, as_json=as_json)
        return
    ((scores, each),) = scored.values()
    scores = replace(scores, notes=notes.lines())
    sequences = {name: plain_scores(s) for name, s in each.items()}
    for of_sequence in sequences.values():
        del of_sequence["notes"]  # they are about all sequences
    report(scores, needs, tracking_table(scores, each), as_json=as_json, sequences=sequences)


class Compared(NamedTuple):
    """Two models, and the scores from which their objects count."""

    model: ModelOptions
    reference: ModelOptions
    conf: float
    confident: float


def compare_models(
    sources: list[str],
    compared: Compared,
    classes: Sequence[str],
    frames: int | None,
    require: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Score what a model finds against what another one finds."""
    from dataclasses import replace

    from sightline.cli import footage
    from sightline.cli.terminal.scores import agreement_table, report
    from sightline.evaluation.agreement import AgreementScores, ClassAgreement, score_agreement
    from sightline.evaluation.detection import pick_classes, with_classes
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.pictures.class_names import as_written, note_unknown

    notes = Notes()
    with footage.detector(compared.reference) as detector:
        names = pick_classes(classes or detector.class_names, detector.class_names)
        needs = _requirements(require, AgreementScores, ClassAgreement, names)
        seen = footage.see(sources, detector, frames, Notes())  # the second look notes the same
        theirs = with_classes(seen, detector.class_names, names)
    with footage.detector(compared.model) as detector:
        known = as_written(detector.class_names, names, notes)
        note_unknown(known, names, "the model", notes)
        own = with_classes(footage.see(sources, detector, frames, notes), known, names)
    if len(own) != len(theirs):
        raise SourceError(
            f"{', '.join(sources)}: {len(theirs)} frames the first time, {len(own)} the second: "
            "the footage must not change"
        )
    scores = score_agreement(own, theirs, names, confident=compared.confident, conf=compared.conf)
    scores = replace(scores, notes=notes.lines())
    report(scores, needs, agreement_table(scores), as_json=as_json, frames=len(own))


def run_tracker(
    given: Footage,
    options: ModelOptions,
    tracker: TrackerKind,
    classes: Sequence[str],
    notes: Notes,
) -> Mapping[str, Any]:
    """True and found tracks of one sequence, by its name, of a tracker that looks at it now."""
    from sightline.cli import footage
    from sightline.evaluation.tracks import mot

    truth, video, fps, frames = given
    tracking = footage.tracking(tracker, options.models_dir)
    if truth.startswith(STREET):
        with footage.detector(options) as detector, tracking as steps:
            return {truth: mot.pair(*footage.track_street(truth, steps, detector, frames, classes))}
    files = mot.find_sequences(Path(truth))
    if video is None or len(files) > 1:
        raise ConfigError("--model needs --video, the footage of one sequence")
    ((name, file),) = files.items()
    of_sequence = mot.read_truth(file, sequence=name, notes=notes)
    mot.check_counted({name: of_sequence}, files, notes)
    with footage.detector(options) as detector, tracking as steps:
        seen = footage.track_people(str(video), fps, steps, detector, frames, of_sequence, notes)
    return {name: mot.pair(*seen)}


def split_names(text: str | None) -> tuple[str, ...]:
    """The names of a text with commas; none where there is no text."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _requirements(
    texts: Sequence[str] | None, scores: type, of_class: type, class_names: Sequence[str]
) -> list[Requirement]:
    from sightline.evaluation.requirements import read_requirement, score_names

    names = score_names(scores, of_class, class_names)
    return [read_requirement(text, names) for text in texts or ()]

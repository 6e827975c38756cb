"""``sightline evaluate``: scores of models and of results, against ground truth or another model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.options import (
    Backend,
    Device,
    Iou,
    Precision,
    Size,
    Verbose,
    model_names,
    model_options,
)
from sightline.cli.terminal import logs
from sightline.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from sightline.config import ModelOptions
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.requirements import Requirement

STREET = "street://"

LOWEST_CONF = 0.001
MOST_DETECTIONS = 300

app = typer.Typer(
    name="evaluate",
    help="Score models and results, against ground truth or against another model.",
    no_args_is_help=True,
)

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A model to run: a file, a name, or `people`.",
        autocompletion=model_names,
    ),
]
Classes = Annotated[str | None, typer.Option(help="Only these count, by name: person,car")]
Frames = Annotated[int | None, typer.Option(min=1, help="Only the first frames or pictures.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Require = Annotated[
    list[str] | None,
    typer.Option(
        help="Exit with 1 unless a score reaches this: map50=0.9, person.ap=0.5, switches=10 "
        "(at most). Repeatable.",
        show_default=False,
    ),
]


@app.command()
def detect(
    truth: Annotated[
        str,
        typer.Argument(
            help="A COCO JSON file, a YOLO folder or its data.yaml, or a street:// URL."
        ),
    ],
    model: Model = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="COCO results, JSON lines or a folder of YOLO text files, instead of a model."
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The pictures, where they are not beside the truth.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="The part of a YOLO dataset: val, test, train …",
            show_default="val, else test, else train",
        ),
    ] = None,
    classes: Classes = None,
    iou: Iou = None,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Frames = None,
    json: Json = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Score detections: mAP, mAP@50, mAP@75, by class and by size, as COCO defines them.

    [bold]Examples[/bold]

    sightline evaluate detect instances_val2017.json --images val2017 --model yolox_nano

    sightline evaluate detect my-yolo-folder --predictions found.jsonl --require map50=0.9
    """
    from dataclasses import replace

    from sightline.cli import footage
    from sightline.cli.terminal.scores import detection_table, report
    from sightline.coco import COCO_NAMES
    from sightline.evaluation.detection import ClassScores, DetectionScores, pick_classes
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.pictures.datasets import read_dataset
    from sightline.evaluation.pictures.predictions import pair_predictions

    logs.set_up(verbose)
    _one_of(model, predictions, frames)
    street = truth.startswith(STREET)
    if street and model is None:
        raise ConfigError(f"{truth}: a street is made while a model looks at it: give --model")
    notes, dataset, found = Notes(), None, None
    if not street:
        dataset = read_dataset(
            Path(truth), footage.size_of, images=images, class_names=COCO_NAMES, split=split,
            notes=notes,
        )  # fmt: skip
        if predictions is not None:
            dataset, found = pair_predictions(predictions, dataset, notes, footage.size_of)
        else:
            dataset = dataset.by_name()
            dataset = replace(dataset, pictures=dataset.pictures[:frames])
    known = COCO_NAMES if dataset is None else dataset.class_names
    wanted = pick_classes(_names(classes) or known, known)
    needs = _requirements(require, DetectionScores, ClassScores, wanted)
    if found is None:
        options = model_options(
            str(model), size=size, iou=iou, backend=backend, precision=precision, device=device,
            conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
        )  # fmt: skip
        with footage.detector(options) as detector:
            if dataset is None:
                dataset, found = footage.see_street(truth, detector, frames)
            else:
                dataset, found = footage.see_pictures(dataset, detector, truth, notes)
    assert dataset is not None
    scores = replace(dataset.score(found, wanted), notes=notes.lines())
    report(scores, needs, detection_table(scores), as_json=json)


@app.command()
def track(
    truth: Annotated[
        str,
        typer.Argument(help="A MOT gt.txt, its folder, a folder of such, or a street:// URL."),
    ],
    predictions: Annotated[
        list[Path] | None,
        typer.Option(help="MOT files, or a folder of them, named like the sequences. Repeatable."),
    ] = None,
    model: Model = None,
    video: Annotated[
        Path | None, typer.Option(help="The sequence as a video or a folder of pictures.")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, help="Of a folder of pictures.")] = 25.0,
    conf: Annotated[
        float | None, typer.Option(help="Lowest score of a sure detection.", show_default=False)
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Only these count \\[default: person; of a street: all]"),
    ] = None,
    iou: Iou = None,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Frames = None,
    json: Json = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Score tracks: HOTA, DetA, AssA, MOTA, IDF1 and identity switches, as TrackEval does.

    [bold]Examples[/bold]

    sightline evaluate track MOT17/train/MOT17-02-FRCNN --predictions MOT17-02-FRCNN.txt

    sightline evaluate track gt.txt --model yolox_nano --video street.mp4 --require hota=0.5
    """
    from dataclasses import replace

    from sightline.cli.terminal.scores import plain_scores, report, tracking_table
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.tracking import TrackingScores, score_sequences
    from sightline.evaluation.tracks import mot

    logs.set_up(verbose)
    _one_of(model, predictions, frames)
    needs = _requirements(require, TrackingScores, TrackingScores, ())
    notes = Notes()
    if model is not None:
        wanted = _names(classes) or (() if truth.startswith(STREET) else mot.CLASS_NAMES)
        if not truth.startswith(STREET) and tuple(wanted) != mot.CLASS_NAMES:
            raise ConfigError(f"--classes {classes}: MOT truth holds people only: leave it out")
        options = model_options(
            model, size=size, iou=iou, backend=backend, precision=precision, device=device,
            conf=conf, classes=",".join(wanted) or None,
        )  # fmt: skip
        pairs = _run_tracker(truth, options, wanted, video, fps, frames, notes)
    elif truth.startswith(STREET):
        raise ConfigError(f"{truth}: a street is made while a model looks at it: give --model")
    else:
        pairs = mot.pair_files(Path(truth), predictions or (), notes)
    scores, each = score_sequences(pairs)
    scores = replace(scores, notes=notes.lines())
    sequences = {name: plain_scores(s) for name, s in each.items()}
    for of_sequence in sequences.values():
        del of_sequence["notes"]  # they are about all sequences
    report(scores, needs, tracking_table(scores, each), as_json=json, sequences=sequences)


@app.command()
def agree(
    sources: Annotated[list[str], typer.Argument(help="Video files, pictures, folders, globs.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="The model to look at.", autocompletion=model_names)
    ],
    reference: Annotated[str, typer.Option(help="The model that it is held against.")],
    confident: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which the reference is believed.")
    ] = 0.5,
    conf: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which the model's objects count.")
    ] = 0.25,
    classes: Classes = None,
    iou: Iou = None,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Frames = None,
    json: Json = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Compare two models on the same footage, without labels.

    The reference's confident objects stand for the truth: mAP against them, how many of them the
    model finds (recall), and how its scores differ (score shift).

    [bold]Example[/bold]

    sightline evaluate agree street.mp4 --model int8.onnx --reference fp32.onnx --require map50=0.95
    """
    from dataclasses import replace

    from sightline.cli import footage
    from sightline.cli.terminal.scores import agreement_table, report
    from sightline.evaluation.agreement import AgreementScores, ClassAgreement, score_agreement
    from sightline.evaluation.detection import pick_classes, with_classes
    from sightline.evaluation.notes import Notes
    from sightline.evaluation.pictures.class_names import as_written, note_unknown

    notes = Notes()
    logs.set_up(verbose)

    def options(name: str) -> ModelOptions:
        return model_options(
            name, size=size, iou=iou, backend=backend, precision=precision, device=device,
            conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
        )  # fmt: skip

    with footage.detector(options(reference)) as detector:
        names = pick_classes(_names(classes) or detector.class_names, detector.class_names)
        needs = _requirements(require, AgreementScores, ClassAgreement, names)
        seen = footage.see(sources, detector, frames, Notes())  # the second look notes the same
        theirs = with_classes(seen, detector.class_names, names)
    with footage.detector(options(model)) as detector:
        known = as_written(detector.class_names, names, notes)
        note_unknown(known, names, "the model", notes)
        own = with_classes(footage.see(sources, detector, frames, notes), known, names)
    if len(own) != len(theirs):
        raise SourceError(
            f"{', '.join(sources)}: {len(theirs)} frames the first time, {len(own)} the second: "
            "the footage must not change"
        )
    scores = score_agreement(own, theirs, names, confident=confident, conf=conf)
    scores = replace(scores, notes=notes.lines())
    report(scores, needs, agreement_table(scores), as_json=json, frames=len(own))


def _run_tracker(
    truth: str,
    options: ModelOptions,
    classes: Sequence[str],
    video: Path | None,
    fps: float,
    frames: int | None,
    notes: Notes,
) -> dict[str, Any]:
    """True and found tracks of one sequence, by its name, of a tracker that looks at it now."""
    from sightline.cli import footage
    from sightline.evaluation.tracks import mot

    if truth.startswith(STREET):
        with footage.detector(options) as detector:
            return {truth: mot.pair(*footage.track_street(truth, detector, frames, classes))}
    files = mot.find_sequences(Path(truth))
    if video is None or len(files) > 1:
        raise ConfigError("--model needs --video, the footage of one sequence")
    ((name, file),) = files.items()
    of_sequence = mot.read_truth(file, sequence=name, notes=notes)
    mot.check_counted({name: of_sequence}, files, notes)
    with footage.detector(options) as detector:
        seen = footage.track_people(str(video), fps, detector, frames, of_sequence, notes)
    return {name: mot.pair(*seen)}


def _one_of(model: str | None, predictions: Any, frames: int | None) -> None:
    if (model is None) == (not predictions):
        raise ConfigError("give either --model, to run it, or --predictions, that are there")
    if model is None and frames is not None:
        raise ConfigError("--frames says how much a --model looks at; predictions count as a whole")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _requirements(
    texts: Sequence[str] | None, scores: type, of_class: type, class_names: Sequence[str]
) -> list[Requirement]:
    from sightline.evaluation.requirements import read_requirement, score_names

    names = score_names(scores, of_class, class_names)
    return [read_requirement(text, names) for text in texts or ()]

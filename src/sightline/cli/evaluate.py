"""``sightline evaluate``: scores of models and of results, against ground truth or another model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.operation.estimate import calibrate, estimate
from sightline.cli.options import (
    Backend,
    Device,
    Frames,
    Iou,
    Precision,
    Size,
    TableOrJson,
    Verbose,
    model_names,
    model_options,
)
from sightline.cli.scoring import (
    Compared,
    Footage,
    Labels,
    compare_models,
    compared_trackers,
    read_tracks,
    report_tracks,
    run_tracker,
    score_detections,
    split_names,
    track_requirements,
    tracked_classes,
)
from sightline.cli.terminal import logs
from sightline.errors import ConfigError
from sightline.tables import CAMERA_MOTIONS, TRACKERS

LOWEST_CONF = 0.001
MOST_DETECTIONS = 300

app = typer.Typer(
    name="evaluate",
    help="Score models and results, against ground truth or against another model.",
    no_args_is_help=True,
)
app.command()(estimate)
app.command()(calibrate)

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A model to run: a file, a name, or `people`.",
        autocompletion=model_names,
    ),
]
LabelledPictures = Annotated[
    str,
    typer.Argument(help="A COCO JSON file, a YOLO folder or its data.yaml, or a street:// URL."),
]
FoundObjects = Annotated[
    Path | None,
    typer.Option(
        help="COCO results, JSON lines or a folder of YOLO text files, instead of a model."
    ),
]
Images = Annotated[
    Path | None, typer.Option(help="The pictures, where they are not beside the truth.")
]
Split = Annotated[
    str | None,
    typer.Option(
        help="The part of a YOLO dataset: val, test, train …",
        show_default="val, else test, else train",
    ),
]
LabelledTracks = Annotated[
    str, typer.Argument(help="A MOT gt.txt, its folder, a folder of such, or a street:// URL.")
]
FoundTracks = Annotated[
    list[Path] | None,
    typer.Option(help="MOT files, or a folder of them, named like the sequences. Repeatable."),
]
Video = Annotated[
    Path | None, typer.Option(help="The sequence as a video or a folder of pictures.")
]
Classes = Annotated[str | None, typer.Option(help="Only these count, by name: person,car")]
Require = Annotated[
    list[str] | None,
    typer.Option(
        help="Exit with 1 unless a score reaches this: map50=0.9, person.ap=0.5, switches=10 "
        "(at most). Repeatable.",
        show_default=False,
    ),
]


Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        help=f"Of a --model: {', '.join(TRACKERS)}. Repeatable: they are compared in one table.",
        show_default=next(iter(TRACKERS)),
    ),
]
SureConf = Annotated[
    float | None, typer.Option(help="Lowest score of a sure detection.", show_default=False)
]
TrackedClasses = Annotated[
    str | None, typer.Option(help="Only these count \\[default: person; of a street: all]")
]
Embedder = Annotated[
    str | None,
    typer.Option(help="The model, by name or file, of trackers that know objects by their looks."),
]
FrameRate = Annotated[float, typer.Option(min=0.1, help="The frame rate of a folder of pictures.")]
CameraMotion = Annotated[str, typer.Option(help=f"Of all trackers: {', '.join(CAMERA_MOTIONS)}.")]


@app.command()
def detect(
    truth: LabelledPictures,
    model: Model = None,
    predictions: FoundObjects = None,
    images: Images = None,
    split: Split = None,
    classes: Classes = None,
    iou: Iou = None,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Frames = None,
    json: TableOrJson = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Score detections: mAP, mAP@50, mAP@75, by class and by size, as COCO defines them.

    [bold]Examples[/bold]

    sightline evaluate detect instances_val2017.json --images val2017 --model yolox_nano

    sightline evaluate detect my-yolo-folder --predictions found.jsonl --require map50=0.9
    """
    logs.set_up(verbose)
    _one_of(model, predictions, frames)
    options = None if model is None else model_options(
        model, size=size, iou=iou, backend=backend, precision=precision, device=device,
        conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
    )  # fmt: skip
    labels = Labels(truth, images, split, frames)
    score_detections(labels, options or predictions, split_names(classes), require, as_json=json)


@app.command()
def track(
    truth: LabelledTracks,
    predictions: FoundTracks = None,
    model: Model = None,
    video: Video = None,
    fps: FrameRate = 25.0,
    tracker: Trackers = None,
    embedder: Embedder = None,
    camera_motion: CameraMotion = CAMERA_MOTIONS[0],
    conf: SureConf = None,
    classes: TrackedClasses = None,
    iou: Iou = None,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Frames = None,
    json: TableOrJson = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Score tracks: HOTA, DetA, AssA, MOTA, IDF1 and identity switches, as TrackEval does.

    [bold]Examples[/bold]

    sightline evaluate track MOT17/train/MOT17-02-FRCNN --predictions MOT17-02-FRCNN.txt

    sightline evaluate track gt.txt --model yolox_nano --video street.mp4 --require hota=0.5

    sightline evaluate track "street://?duration=10" --model street --tracker bytetrack --tracker ocsort
    """
    from sightline.evaluation.notes import Notes

    logs.set_up(verbose)
    _one_of(model, predictions, frames)
    needs = track_requirements(require)
    notes = Notes()
    if model is not None:
        wanted = tracked_classes(truth, classes)
        options = model_options(
            model, size=size, iou=iou, backend=backend, precision=precision, device=device,
            conf=conf, classes=",".join(wanted) or None,
        )  # fmt: skip
        kinds = compared_trackers(tracker, embedder, camera_motion, needs)
        seen = Footage(truth, video, fps, frames)
        compared = {k: run_tracker(seen, options, how, wanted, notes) for k, how in kinds.items()}
    else:
        compared = {"": read_tracks(truth, predictions or (), tracker or embedder, notes)}
    report_tracks(compared, needs, notes, as_json=json)


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
    json: TableOrJson = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Compare two models on the same footage, without labels.

    The reference's confident objects stand for the truth: mAP against them, how many of them the
    model finds (recall), and how its scores differ (score shift).

    [bold]Example[/bold]

    sightline evaluate agree street.mp4 --model int8.onnx --reference fp32.onnx --require map50=0.95
    """
    logs.set_up(verbose)
    own, theirs = (
        model_options(
            name, size=size, iou=iou, backend=backend, precision=precision, device=device,
            conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
        )
        for name in (model, reference)
    )  # fmt: skip
    compared = Compared(own, theirs, conf, confident)
    compare_models(sources, compared, split_names(classes), frames, require, as_json=json)


def _one_of(model: str | None, predictions: object, frames: int | None) -> None:
    if (model is None) == (not predictions):
        raise ConfigError("give either --model, to run it, or --predictions, that are there")
    if model is None and frames is not None:
        raise ConfigError("--frames says how much a --model looks at; predictions count as a whole")

"""``sightline evaluate estimate`` and ``calibrate``: the accuracy of a model where nobody has labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import (
    Backend,
    Device,
    Footage,
    Frames,
    Model,
    ModelsDir,
    Seconds,
    Size,
    TableOrJson,
    Verbose,
    model_names,
    model_options,
)
from sightline.cli.terminal import logs

if TYPE_CHECKING:
    from sightline.config import ModelOptions
    from sightline.evaluation.estimation.learning import LabelledFootage

Labelled = Annotated[
    list[str],
    typer.Argument(help="COCO JSON files, YOLO folders or street:// URLs, one for each condition."),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference", help="A larger model, by name or file.", autocompletion=model_names,
        show_default=False,
    ),
]  # fmt: skip
ReferenceSize = Annotated[
    str | None,
    typer.Option(help="Its input: longer side, or 960x576.", show_default=False),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", "-c", help="A file of `sightline evaluate calibrate`."),
]
EveryNth = Annotated[
    int, typer.Option("--every", min=1, help="The reference looks at each so many-th frame.")
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        help="Exit with 1 unless it reaches this: map50=0.7, low=0.6.", show_default=False
    ),
]


def estimate(
    source: Footage,
    model: Model,
    reference: Reference = None,
    reference_size: ReferenceSize = None,
    calibration: CalibrationFile = None,
    every: EveryNth = 3,
    frames: Frames = None,
    seconds: Seconds = None,
    size: Size = None,
    backend: Backend = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    json: TableOrJson = False,
    require: Require = None,
    verbose: Verbose = 0,
) -> None:
    """Estimate the mAP@50 of a model on footage without labels.

    From scores, from whether objects are still there in the next frame, and from what a larger model finds;
    a calibration says what these mean for this model.

    [bold]Examples[/bold]

    sightline evaluate estimate gate.mp4 --model small.onnx --reference large.onnx --calibration small.json

    sightline evaluate estimate rtsp://camera/stream --model street --seconds 60 --json --require map50=0.7
    """
    from sightline.build.monitoring import estimating
    from sightline.cli.terminal.progress_line import ProgressLine
    from sightline.cli.terminal.scores import estimate_table, report
    from sightline.evaluation.estimation.accuracy import AccuracyEstimate, ClassEstimate
    from sightline.evaluation.estimation.calibration import AccuracyCalibration
    from sightline.evaluation.requirements import read_requirement, score_names

    logs.set_up(verbose)
    known = score_names(AccuracyEstimate, ClassEstimate, ())
    needs = [read_requirement(text, known) for text in require or ()]
    own = model_options(model, size=size, backend=backend, device=device, models_dir=models_dir)
    larger = _reference(own, reference, reference_size)
    learnt = None if calibration is None else AccuracyCalibration.load(calibration)
    progress = ProgressLine()
    options = estimating.EstimateOptions(every, frames, seconds)
    found = estimating.estimate(source, own, larger, learnt, options, progress)
    progress.end()
    report(found, needs, estimate_table(found), as_json=json)


def calibrate(
    truth: Labelled,
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="The calibration, a .json file.")],
    reference: Reference = None,
    reference_size: ReferenceSize = None,
    frames: Frames = None,
    size: Size = None,
    backend: Backend = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    verbose: Verbose = 0,
) -> None:
    """Learn from labelled footage what the scores of a model mean, for `evaluate estimate`.

    Each argument is one condition: by day, at night, in rain. From six on, estimates are corrected, and how far they
    are off is known.

    [bold]Example[/bold]

    sightline evaluate calibrate day.json night.json rain.json --model small.onnx --output small.json
    """
    from sightline.build.files.conflicts import check_files, paths_read
    from sightline.build.monitoring.estimating import estimated_identity
    from sightline.evaluation.estimation.calibration import FILE_KIND
    from sightline.evaluation.estimation.learning import learn_calibration
    from sightline.replaced_files import check_replaced

    logs.set_up(verbose)
    own = model_options(model, size=size, backend=backend, device=device, models_dir=models_dir)
    larger = _reference(own, reference, reference_size)
    reads = paths_read(own) | ({} if larger is None else paths_read(larger))
    reads |= {f"the labels {name}": Path(name) for name in truth if "://" not in name}
    check_files(reads, {"--output": output})
    check_replaced(output, "--output", FILE_KIND)
    conditions: list[LabelledFootage] = []
    names: tuple[str, ...] = ()
    for each in truth:
        footage, names = _labelled(each, own, larger, frames)
        conditions.append(footage)
    of_reference = None if larger is None else estimated_identity(larger)
    learnt = learn_calibration(conditions, names, estimated_identity(own), of_reference)
    learnt.save(output)
    weights = learnt.referred or learnt.alone
    typer.echo(
        f"{output}: of {learnt.model}, from {learnt.conditions} conditions; nine of ten estimates are off by less "
        f"than {weights.spread:.3f}"
    )


def _reference(own: ModelOptions, name: str | None, size: str | None) -> ModelOptions | None:
    """Raises ConfigError: a size of nothing."""
    from sightline.errors import ConfigError

    if name is not None:
        return model_options(
            name,
            size=size,
            backend=own.backend,
            device=own.engine.device,
            models_dir=own.models_dir,
        )
    if size is not None:
        raise ConfigError("--reference-size: give the model with --reference")
    return None


def _labelled(
    truth: str, own: ModelOptions, larger: ModelOptions | None, frames: int | None
) -> tuple[LabelledFootage, tuple[str, ...]]:
    """One condition: what both find, and the truth. All classes are numbered by the truth."""
    from sightline.build.monitoring.estimating import lowest_scores
    from sightline.cli.scoring import STREET, Labels, found_on_labels
    from sightline.evaluation.estimation.evidence import SeenFrame
    from sightline.evaluation.estimation.learning import LabelledFootage
    from sightline.sources.street.options import StreetOptions

    labels = Labels(truth, None, None, frames)
    dataset, found = found_on_labels(labels, lowest_scores(own))
    theirs = None if larger is None else found_on_labels(labels, lowest_scores(larger))[1]
    seen = [
        SeenFrame(one, None if theirs is None else theirs[number])
        for number, one in enumerate(found)
    ]
    footage = LabelledFootage(
        seen,
        [picture.truth for picture in dataset.pictures],
        [picture.crowd for picture in dataset.pictures],
        dataset.score(found, dataset.class_names).map50,
        still=not truth.startswith(STREET),
        interval_s=1 / StreetOptions.from_url(truth).fps if truth.startswith(STREET) else None,
    )
    return footage, dataset.class_names

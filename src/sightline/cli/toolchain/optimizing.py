"""What ``sightline optimize`` does once its options are read: look, make variants, judge, write."""

from __future__ import annotations

import difflib
import importlib.util
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from sightline import build
from sightline.build.model_files import PEOPLE
from sightline.cli import footage
from sightline.cli.evaluate import LOWEST_CONF, MOST_DETECTIONS
from sightline.cli.options import model_options
from sightline.cli.scoring import STREET
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.training import (
    TrainingRequest,
    begin_training,
    checkpoint_path,
    trainer,
)
from sightline.coco import COCO_NAMES
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.evaluation.agreement import score_agreement
from sightline.evaluation.detection import with_classes
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.models.card import CardReading, read_card
from sightline.models.file import open_model
from sightline.optimize.training.kinds import SHARES, trained_variant
from sightline.optimize.variants.gate import LossLimits, Verdict, judge_agreement, judge_scores
from sightline.optimize.variants.graphs import load_graph
from sightline.optimize.variants.int8 import Ranges
from sightline.optimize.variants.optimization import Optimization, Variant
from sightline.optimize.variants.original import Judge, Original
from sightline.optimize.variants.pictures import NetworkPictures, RecordingDetector, detect_again
from sightline.optimize.variants.report import draw, report, variant_path, write_variants
from sightline.protocols import Engine, SharedDetector
from sightline.types import Detections, Frame
from sightline.whole_files import writable_folder, write_whole

if TYPE_CHECKING:
    from sightline.build.sources import SourceInput

VARIANTS = ("clean", "fp16", "bf16", "int8", "int8-dynamic")
BACKENDS = ("openvino", "onnxruntime", "tensorrt")
FEWEST_PICTURES = 20
"""Scales that were found on fewer pictures say little of the next one."""


@dataclass(frozen=True)
class OptimizeRequest:
    """The options of ``sightline optimize``, checked; see its help."""

    model: str
    data: tuple[str, ...]
    labels: str | None
    images: Path | None
    variants: tuple[str, ...]
    output: Path
    limits: LossLimits
    ranges: Ranges
    frames: int
    seconds: float
    slower: bool
    size: str | None
    backend: str
    training: TrainingRequest | None = None


def variant_names(text: str) -> tuple[str, ...]:
    """The variants that ``fp16,int8`` means. Raises ConfigError."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    known = (*VARIANTS, *SHARES)
    found = []
    for name in names:
        trained = trained_variant(name)
        if trained is None and name not in VARIANTS:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"--variants: there is no variant {name!r}: {hint}")
        found.append(name if trained is None else trained.name)
    if not found:
        raise ConfigError(f"--variants: name at least one of {', '.join(known)}")
    return tuple(dict.fromkeys(found))


def range_kind(text: str) -> Ranges:
    """The way to find ranges of this name. Raises ConfigError."""
    kinds: dict[str, Ranges] = {kind: kind for kind in get_args(Ranges)}
    if text not in kinds:
        raise ConfigError(f"--ranges {text}: there are {', '.join(kinds)}")
    return kinds[text]


def optimized(request: OptimizeRequest) -> dict[str, Any]:
    """Make and judge the variants, write those that are accepted, and return the report.

    Raises:
        ConfigError: the model is no ONNX detector, the footage is live or too short, an output would
            overwrite an input.
        SightlineError: the first failure of a source or of the original.
    """
    if request.backend not in {"auto", *BACKENDS}:
        raise ConfigError(
            f"--backend {request.backend}: variants are made for {', '.join(BACKENDS)}; leave it out for all that are here"
        )
    if request.model == PEOPLE:
        raise ConfigError(f"{PEOPLE} has no network that could be changed: give an .onnx file")
    options = model_options(
        request.model, size=request.size, backend=request.backend, precision="fp32",
        conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
    )  # fmt: skip
    path = build.model_path(options)
    _check_packages(request.variants)
    _check_outputs(request, options, path)
    task = begin_training(request.variants, request.training)
    reading = read_card(open_model(path), build.decoders())
    if reading.file.format != "onnx":
        raise ConfigError(
            f"{path}: variants are made of ONNX models; give the .onnx file that this one was made of"
        )
    progress = ProgressLine()
    with (
        closing(NetworkPictures()) as shown,
        closing(NetworkPictures()) as labelled,
        footage.detector(options) as detector,
    ):
        assert isinstance(detector, SharedDetector)
        found = detect_footage(request, RecordingDetector(detector, shown), progress)
        _check_amount(request, found)
        writable_folder(request.output)
        places = range(len(shown))
        if request.labels is None:
            calibration = tuple(places[::2])
            judge = _agreement_judge(request, detector, shown, tuple(places[1::2]), found)
        else:
            calibration = tuple(places)
            judge = _label_judge(request, detector, labelled)
        original = original_of(request, options, reading, shown, calibration)
        train = None
        if task is not None and request.training is not None:
            train = trainer(task, request.training, original, (request.output, path), progress)
        variants = Optimization(
            original, judge, request.ranges, request.seconds, request.slower, progress, train
        ).run(request.variants)
        progress.end()
    made = _written(request, path, reading, variants, len(shown))
    for name in request.variants:
        checkpoint_path(request.output, path, name).unlink(missing_ok=True)
    return made


def _check_packages(variants: Sequence[str]) -> None:
    """Raise ConfigError where what makes a variant is not installed, before anything is begun."""
    needed = (
        ("clean", "onnxslim"),
        *((one, package) for one in ("int8", "qat") for package in ("onnxslim", "nncf")),
    )
    for variant, package in needed:
        if variant in variants and importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"--variants {variant}: {package} is not installed: pip install 'sightline[optimize]'"
            )


def _check_outputs(request: OptimizeRequest, options: ModelOptions, model: Path) -> None:
    from sightline.build.file_conflicts import check_files, read_by_model, read_by_source

    reads = {use.what: Path(use.path) for use in read_by_model(options)}
    for spec in request.data:
        reads |= {f"--data {use.path}": Path(use.path) for use in read_by_source(spec, "--data")}
    if request.labels is not None and not request.labels.startswith("street:"):
        reads["--labels"] = Path(request.labels)
    files = [variant_path(request.output, model, name) for name in request.variants]
    files += [file.with_suffix(".yaml") for file in files]
    files += [request.output / "report.json", request.output / "report.png"]
    check_files(reads, {f"--output {file.name}": file for file in files})
    if request.output.exists() and not request.output.is_dir():
        raise ConfigError(f"--output {request.output}: it is a file; give a folder")


def detect_footage(
    request: OptimizeRequest, detector: RecordingDetector, progress: ProgressLine
) -> list[Detections]:
    """What the original finds in frames that are evenly spread over the footage."""
    inputs = build.inputs(request.data)
    for named in inputs:
        if named.live:
            raise ConfigError(
                f"--data {named.name} is live: record some minutes of it, and give the file"
            )
    found = []
    share = -(-request.frames // len(inputs))
    for number, named in enumerate(inputs):
        progress(f"footage {number + 1} of {len(inputs)}: {named.name}")
        for frame in _spread(named, share):
            found += detector.submit([frame]).result()
    return found


def _spread(named: SourceInput, most: int) -> Iterator[Frame]:
    """At most so many frames of a source, evenly spread where it is known how many there are."""
    with closing(named.source) as source:
        info = source.open()
        step = max(1, (info.frames or 0) // most)
        given = 0
        for number, frame in enumerate(source):
            if number % step == 0:
                yield frame
                given += 1
                if given == most:
                    return


def _check_amount(request: OptimizeRequest, found: Sequence[Detections]) -> None:
    fewest = FEWEST_PICTURES * (1 if request.labels else 2)
    if len(found) < fewest:
        raise ConfigError(
            f"--data: {len(found)} frames are too few: {fewest} are needed at least, of which "
            f"{FEWEST_PICTURES} tell how to scale values, and some hundred are better"
        )
    if request.labels is None and not any((one.scores >= SURE).any() for one in found):
        raise ConfigError(
            "--data: the model is sure of nothing in this footage, so nothing can be compared: is it what "
            "the model was made for? Give other footage, or labelled pictures with --labels"
        )


SURE = 0.5
"""The score from which what the original finds stands for the truth."""


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
        names = _all_names(detector.class_names, [*reference, *again])
        scores = score_agreement(again, reference, names, confident=SURE)
        return judge_agreement(scores, request.limits)

    return judge


def _all_names(names: Sequence[str], found: Sequence[Detections]) -> list[str]:
    """A name for each class that was found; a model need not name its classes."""
    most = max((int(one.class_ids.max(initial=-1)) + 1 for one in found), default=0)
    return [*names, *(str(number) for number in range(len(names), most))]


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
    judged = partial(judge_scores, original=own, limits=request.limits)

    def judge(engine: Engine) -> Verdict:
        again = detect_again(detector, engine, labelled, range(len(labelled)))
        return judged(dataset.score(with_classes(again, names, dataset.class_names)))

    return judge


def original_of(
    request: OptimizeRequest,
    options: ModelOptions,
    reading: CardReading,
    shown: NetworkPictures,
    calibration: tuple[int, ...],
) -> Original:
    """The model as variants are made of it, with the pictures of its calibration."""

    def make_engine(content: bytes, backend: str, precision: str) -> Engine:
        how = options.engine.model_copy(update={"precision": precision})
        asked = options.model_copy(update={"backend": backend, "engine": how})
        return build.build_engine(content, reading.card.normalization, asked, flat=reading.flat)

    there = tuple(name for name in BACKENDS if build.runs_here(name))
    ((height, width), _), *_ = Counter(map(shown.shape, calibration)).most_common(1)
    return Original(
        load_graph(reading.file.content),
        reading.file.size_bytes,
        reading.card.normalization,
        there if request.backend == "auto" else (request.backend,),
        make_engine,
        (1, height, width),
        shown,
        calibration,
    )


def _written(
    request: OptimizeRequest,
    model: Path,
    reading: CardReading,
    variants: Sequence[Variant],
    frames: int,
) -> dict[str, Any]:
    """Write accepted variants and the report, which is returned."""
    how = {
        "data": list(request.data),
        "labels": request.labels,
        "frames": frames,
        "ranges": request.ranges,
        "max_map_drop": request.limits.map_drop,
        "max_class_drop": request.limits.class_drop,
        "min_agreement": request.limits.agreement,
        **({} if request.training is None else request.training.options()),
    }
    paths = write_variants(variants, reading.card, model, reading.file.sha256, request.output, how)
    facts = {"model": str(model), "sha256": reading.file.sha256, **how}
    made = report(variants, paths, facts)
    write_whole(request.output / "report.json", json.dumps(made, indent=2).encode())
    try:
        draw(variants, model.name, request.output / "report.png")
    except ConfigError as exc:  # a picture less is no reason to lose the rest
        typer.echo(f"report.png is not drawn: {exc}", err=True)
    return made

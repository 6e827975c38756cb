"""What ``sightline optimize`` does once its options are read: look, make variants, judge, write."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sightline import build
from sightline.build.model_files import PEOPLE
from sightline.build.toolchain.cards import read_any_card
from sightline.build.toolchain.training import begin_training, checkpoint_path, trainer
from sightline.cli.evaluate import LOWEST_CONF, MOST_DETECTIONS
from sightline.cli.options import model_options
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.crop_evidence import crop_evidence
from sightline.cli.toolchain.detector_evidence import detector_evidence
from sightline.cli.toolchain.evidence import Evidence
from sightline.cli.toolchain.optimize_request import BACKENDS, OptimizeRequest
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.models.card import CardReading
from sightline.models.exporters.metadata import DETECTION_TASKS
from sightline.models.file import open_model
from sightline.optimize.variants.graphs import load_graph
from sightline.optimize.variants.optimization import Optimization, Variant
from sightline.optimize.variants.original import Original
from sightline.optimize.variants.report import draw, report, variant_path, write_variants
from sightline.protocols import Engine
from sightline.replaced_files import place_all
from sightline.whole_files import check_folder, scratch_beside, write_whole

if TYPE_CHECKING:
    from sightline.models.model_card import ModelCard


def optimized(request: OptimizeRequest) -> dict[str, Any]:
    """Make and judge the variants, write those that are accepted, and return the report.

    Raises:
        ConfigError: the model is no ONNX model of a task that is known, the footage is live or too short, an output would
            overwrite an input.
        SightlineError: the first failure of a source or of the original.
    """
    _check_model(request)
    options = model_options(
        request.model, size=request.size, backend=request.backend, precision="fp32",
        conf=LOWEST_CONF, max_detections=MOST_DETECTIONS,
    )  # fmt: skip
    path = build.model_path(options)
    _check_packages(request.variants)
    _check_outputs(request, options, path)
    task = begin_training(request.variants, request.training)
    reading = read_any_card(open_model(path))
    if reading.file.format != "onnx":
        raise ConfigError(
            f"{path}: variants are made of ONNX models; give the .onnx file that this one was made of"
        )
    _check_task(request, reading.card)
    with ExitStack() as stack:
        progress = stack.enter_context(ProgressLine())
        evidence = _evidence(request, options, reading.card, progress, stack)
        check_folder(request.output)
        original = original_of(request, options, reading, evidence)
        train = None
        if task is not None and request.training is not None:
            train = trainer(task, request.training, original, (request.output, path), progress)
        variants = Optimization(
            original,
            evidence.judge,
            request.ranges,
            request.seconds,
            request.slower,
            progress,
            train,
        ).run(request.variants)
        shown = len(evidence.shown)
    made = _written(request, path, reading, variants, shown, evidence.doubts)
    for name in request.variants:
        checkpoint_path(request.output, path, name).unlink(missing_ok=True)
    return made


def _check_model(request: OptimizeRequest) -> None:
    """Raise ConfigError where no variant of the model, or none for the runtime, can be made."""
    if request.backend not in {"auto", *BACKENDS}:
        raise ConfigError(
            f"--backend {request.backend}: variants are made for {', '.join(BACKENDS)}; leave it out for all that are here"
        )
    if request.model == PEOPLE:
        raise ConfigError(f"{PEOPLE} has no network that could be changed: give an .onnx file")


def _check_task(request: OptimizeRequest, card: ModelCard) -> None:
    """Raise ConfigError where an option is for models of another task."""
    detects = card.task in DETECTION_TASKS
    given = (
        {"--crops": request.crops}
        if detects
        else {"--size": request.size, "--images": request.images}
    )
    for flag, value in given.items():
        if value is not None:
            others = "classifiers and embedders" if detects else "detectors"
            raise ConfigError(
                f"{flag} {value}: it is for {others}, and the task of {card.name} is {card.task}"
            )


def _evidence(
    request: OptimizeRequest,
    options: ModelOptions,
    card: ModelCard,
    progress: ProgressLine,
    stack: ExitStack,
) -> Evidence:
    if card.task in DETECTION_TASKS:
        return detector_evidence(request, options, progress, stack)
    return crop_evidence(request, options, card, progress, stack)


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
    from sightline.build.files.conflicts import check_files, paths_read

    reads = paths_read(options, request.data, "--data")
    if request.labels is not None and not request.labels.startswith("street:"):
        reads["--labels"] = Path(request.labels)
    files = [variant_path(request.output, model, name) for name in request.variants]
    files += [file.with_suffix(".yaml") for file in files]
    files += [request.output / "report.json", request.output / "report.png"]
    check_files(reads, {f"--output {file.name}": file for file in files})
    if request.output.exists() and not request.output.is_dir():
        raise ConfigError(f"--output {request.output}: it is a file; give a folder")


def original_of(
    request: OptimizeRequest,
    options: ModelOptions,
    reading: CardReading,
    evidence: Evidence,
) -> Original:
    """The model as variants are made of it, with the pictures of its calibration."""

    def make_engine(content: bytes, backend: str, precision: str) -> Engine:
        how = options.engine.model_copy(update={"precision": precision})
        asked = options.model_copy(update={"backend": backend, "engine": how})
        return build.build_engine(content, reading.card.normalization, asked, flat=reading.flat)

    there = tuple(name for name in BACKENDS if build.runs_here(name))
    ((height, width), _), *_ = Counter(map(evidence.shown.shape, evidence.calibration)).most_common(
        1
    )
    return Original(
        load_graph(reading.file.content),
        reading.file.size_bytes,
        reading.card.normalization,
        there if request.backend == "auto" else (request.backend,),
        make_engine,
        (1, height, width),
        evidence.shown,
        evidence.calibration,
    )


def _written(
    request: OptimizeRequest,
    model: Path,
    reading: CardReading,
    variants: Sequence[Variant],
    frames: int,
    doubts: Sequence[str],
) -> dict[str, object]:
    """Write accepted variants and the report, which is returned."""
    how = {
        "data": list(request.data),
        "labels": request.labels,
        "crops": request.crops,
        "frames": frames,
        "ranges": request.ranges,
        "max_map_drop": request.limits.map_drop,
        "max_class_drop": request.limits.class_drop,
        "min_agreement": request.limits.agreement,
        **({} if request.training is None else request.training.options()),
    }
    how |= {"doubts": list(doubts)} if doubts else {}
    facts = {"model": str(model), "sha256": reading.file.sha256, **how}
    with scratch_beside(request.output / "report.json") as scratch:
        drafts = write_variants(variants, reading.card, model, reading.file.sha256, scratch, how)
        paths = {
            name: request.output / path.name if path.parent == scratch else path
            for name, path in drafts.items()
        }
        made = report(variants, paths, facts)
        try:
            draw(variants, model.name, scratch / "report.png")
        except ConfigError as exc:  # a picture less is no reason to lose the rest
            typer.echo(f"report.png is not drawn: {exc}", err=True)
        files = sorted(scratch.iterdir())
        write_whole(scratch / "report.json", json.dumps(made, indent=2).encode())
        place_all(
            [(file, request.output / file.name) for file in (*files, scratch / "report.json")]
        )
    return made

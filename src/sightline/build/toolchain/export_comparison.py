"""An exported model beside the one that it was made of: how far their outputs are apart, and what it still finds."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.models import build_engine
from sightline.build.sources import inputs
from sightline.build.toolchain.export_sources import ExportedModel, ExportOptions
from sightline.build.toolchain.package_subjects import DetectorSubject
from sightline.build.toolchain.package_trials import data_frames
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ModelError
from sightline.models.exporters.metadata import DETECTION_TASKS
from sightline.tables.entries import ExporterEntry
from sightline.types import Frame, Normalization

if TYPE_CHECKING:
    from sightline.models.file import ModelFile
    from sightline.models.model_card import ModelCard
    from sightline.optimize.export.comparison import Difference
    from sightline.optimize.export.request import ExportRequest, Runner
    from sightline.optimize.variants.gate import Verdict

log = logging.getLogger(__name__)

TOLERANCE = 1e-3
HALF_TOLERANCE = 0.5
"""The largest distance where weights are kept in 16 bits: raw outputs of small networks move that far."""

NOTABLE = 0.05
"""A distance that is told of, where it is allowed."""


@dataclass(frozen=True)
class ExportComparison:
    """The element that two models disagree most on, and of a detector in INT8 what it has kept."""

    difference: Difference
    verdict: Verdict | None = None

    def figures(self) -> dict[str, Any]:
        """For a card's history."""
        kept = {} if self.verdict is None else {"kept": round(self.verdict.kept, 4)}
        return {"largest_difference": self.difference.as_figures(), **kept}


def compare_export(
    read: ExportedModel,
    request: ExportRequest,
    card: ModelCard,
    entry: ExporterEntry,
    options: ExportOptions,
) -> ExportComparison:
    """Compare an export with its model.

    Outputs may differ by a tolerance. Those of a model in INT8 move by whole pixels where there is no object, so
    that of a detector in INT8 it is what it finds that counts, as in ``sightline optimize``; unless a tolerance is
    given.

    Raises ModelError: it differs too much, or has lost too much.
    """
    difference = _difference(read, request, card, entry, options)
    in_int8 = _is_in_int8(read, request)
    if in_int8 and options.tolerance is None and math.isfinite(difference.distance):
        verdict = _verdict(read, request, card, entry, options)
        if verdict is not None:
            if not verdict.accepted:
                raise ModelError(
                    f"the export has lost too much of {request.source.name} and was not kept, on "
                    f"{options.data}: {verdict.reason}"
                )
            return ExportComparison(difference, verdict)
    limit = options.tolerance
    if limit is None:
        limit = HALF_TOLERANCE if request.fp16 or in_int8 else TOLERANCE
    if difference.distance > limit:
        raise ModelError(
            f"the export differs from {request.source.name} by more than {limit:g} and was not kept: "
            f"{difference}. --tolerance says what is allowed"
        )
    if in_int8 and card.task not in DETECTION_TASKS:
        log.warning(
            "%s: only the raw outputs of a model with the task %s were compared, within %g, which says little of what "
            "INT8 loses: `sightline optimize --crops` judges its names or vectors on what it is shown",
            request.path.name, card.task, limit,
        )  # fmt: skip
    elif difference.distance > NOTABLE:
        why, remedy = "16-bit weights move", ": --fp32 keeps it as it is"
        if in_int8:
            why, remedy = "INT8 moves", ""
        log.warning("%s: %s an output of %s by %.2g%s", request.path.name, why, request.source.name, difference.distance, remedy)  # fmt: skip
    return ExportComparison(difference)


def _difference(
    read: ExportedModel,
    request: ExportRequest,
    card: ModelCard,
    entry: ExporterEntry,
    options: ExportOptions,
) -> Difference:
    from sightline.optimize.export import comparison

    stride = max(card.stride, 32)
    wanted = comparison.shapes(request.size, request.batch, request.dynamic, stride)
    if request.build is not None:
        wanted = request.build.compared(wanted)
    with _frames(options.data) as frames:
        batches = comparison.pictures(frames, wanted, card.order)
    with ExitStack() as stack:
        reference = _reference(read, request, stack)
        made = _engine_runner(request.path, request.normalization, entry.backend, stack)
        return comparison.compare(reference, made, batches)


def _is_in_int8(read: ExportedModel, request: ExportRequest) -> bool:
    if request.build is not None and request.build.options.precision == "int8":
        return True
    graph = read.source.file.graph if read.source.file is not None else None
    return graph is not None and any(node.op_type == "QuantizeLinear" for node in graph.graph.node)


def _verdict(
    read: ExportedModel,
    request: ExportRequest,
    card: ModelCard,
    entry: ExporterEntry,
    options: ExportOptions,
) -> Verdict | None:
    """What the export has kept of what its model is sure of; None: it is no detector, or is sure of nothing."""
    from sightline.evaluation.agreement import score_agreement
    from sightline.models.model_card import write_card
    from sightline.optimize.variants.gate import LossLimits, judge_agreement

    if read.source.file is None or read.reading is None or card.task not in DETECTION_TASKS:
        return None
    write_card(card, request.path)
    subject = DetectorSubject(data_frames(options.data), card)
    found, reference = (
        subject.answers(ModelOptions(model=str(path), backend=backend, engine=_how(backend)))
        for path, backend in (
            (request.path, entry.backend),
            (read.source.file.path, _backend_of(read.source.file)),
        )
    )
    scores = score_agreement(found, reference, card.class_names)
    if not scores.count:
        log.warning(
            "%s is sure of nothing in %s, so that its raw outputs alone tell what INT8 loses: --data names footage "
            "with objects",
            request.source.name, options.data,
        )  # fmt: skip
        return None
    return judge_agreement(scores, LossLimits())


def _reference(read: ExportedModel, request: ExportRequest, stack: ExitStack) -> Runner:
    """What runs the model as it was."""
    from sightline.optimize.export.runners import network_runner

    file = read.source.file
    if file is None:
        return network_runner(request.source, request.normalization)
    return _engine_runner(file.content, request.normalization, _backend_of(file), stack)


def _engine_runner(
    model: Path | bytes, normalization: Normalization, backend: str, stack: ExitStack
) -> Runner:
    from sightline.optimize.export.runners import engine_runner

    options = ModelOptions(model=str(model) if isinstance(model, Path) else "it", backend=backend, engine=_how(backend))  # fmt: skip
    engine = stack.enter_context(closing(build_engine(model, normalization, options)))
    return engine_runner(engine)


def _backend_of(file: ModelFile) -> str:
    return "openvino" if file.format == "openvino" else "onnxruntime"


def _how(backend: str) -> EngineOptions:
    on_gpu = backend == "tensorrt"
    return EngineOptions(
        precision="auto" if on_gpu else "fp32", device="auto" if on_gpu else "cpu", requests=1
    )


@contextmanager
def _frames(data: str) -> Iterator[Iterator[Frame]]:
    """The frames of a source that a user named."""
    source = inputs([data])[0].source
    source.open()
    try:
        yield islice(iter(source), 1000)
    finally:
        source.close()

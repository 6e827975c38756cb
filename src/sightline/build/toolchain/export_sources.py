"""The model that is exported: what a user's word means, the input that it gets, and its card."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.model_files import model_path
from sightline.build.toolchain.cards import read_any_card
from sightline.build.toolchain.engine_builds import EngineSettings, with_engine_build
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.tables.entries import ExporterEntry
from sightline.types import Normalization, TensorSpec

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.model_card import ModelCard
    from sightline.optimize.export.request import DynamicSide, ExportRequest, ExportSource, Outputs

log = logging.getLogger(__name__)

DATA = "street://?seed=7&duration=4"
"""Frames that models are compared on where the user gives none."""

SIZE = 640
"""Side of a network's input in pixels, where nothing tells it."""

STRIDE = 32
"""By so many pixels other inputs differ on which a network is tried."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a model is exported.

    Args:
        size: width and height of the input; None: what the model says, else 640.
        batch: pictures in the input, where that is fixed.
        dynamic: what is left open in the input; None: all that the model leaves open.
        opset: of an ONNX file.
        input_name, output_names: instead of the model's own.
        fp32: weights in 32 bits also where the format usually has 16.
        data: source of the frames that both models are compared on.
        tolerance: the largest distance; None: 0.001, with weights in 16 bits 0.5.
        module: import path of the program whose weights a checkpoint holds.
        trust_pickle: run what a checkpoint's pickle says.
        card: the file with the fields of a model card, for a model that has none beside it.
        engine: of an engine of TensorRT.
        extra: further fields of the ``ExportRequest``.
    """

    size: tuple[int, int] | None = None
    batch: int | None = None
    dynamic: frozenset[DynamicSide] | None = None
    opset: int | None = None
    input_name: str | None = None
    output_names: tuple[str, ...] = ()
    fp32: bool = False
    data: str = DATA
    tolerance: float | None = None
    module: str | None = None
    trust_pickle: bool = False
    card: Path | None = None
    engine: EngineSettings | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ExportedModel:
    """A model that is exported, with what is known of it."""

    source: ExportSource
    reading: CardReading | None
    told: Mapping[str, str]
    card_beside: Path


def read_source(
    model: ModelOptions, to: Path, options: ExportOptions, scratch: Path
) -> ExportedModel:
    """The model that a user's word means: a module, a PyTorch file, or a graph."""
    from sightline.models.exporters.metadata import program_metadata
    from sightline.models.file import TORCH_SUFFIXES, open_model
    from sightline.optimize.export import networks, ultralytics_
    from sightline.optimize.export.request import ExportSource

    word = model.model
    if networks.is_import_path(word) and not Path(word).exists():
        return ExportedModel(
            networks.imported(word), None, {}, options.card or scratch / f"{to.stem}.yaml"
        )
    path = Path(word).expanduser()
    if path.suffix.lower() in networks.CHECKPOINTS and path.is_file():
        ours = options.module is None and options.trust_pickle
        if ours and networks.is_ultralytics(networks.foreign_globals(path)):
            path = ultralytics_.to_onnx(path, scratch)
        else:
            source = networks.checkpoint(
                path, module=options.module, trust_pickle=options.trust_pickle
            )
            return ExportedModel(source, None, {}, options.card or path)
    else:
        path = model_path(model)
    if path.suffix.lower() in TORCH_SUFFIXES:
        source = networks.program(path)
        return ExportedModel(source, None, program_metadata(path), options.card or path)
    file = open_model(path)
    reading = read_any_card(file)
    kind: Any = reading.file.format
    source = ExportSource(kind, path.name, file=reading.file, sha256=file.sha256)
    return ExportedModel(source, reading, {}, path)


def export_request(
    read: ExportedModel, path: Path, entry: ExporterEntry, options: ExportOptions
) -> tuple[ExportRequest, ModelCard]:
    """What the exporter is handed, and the card of what it writes as ``path.name``. Raises ConfigError: an option is of no use."""
    from sightline.models.model_card import card_beside
    from sightline.optimize.export.request import ExportRequest

    if not entry.dynamic:
        if options.dynamic:
            raise ConfigError(f"--dynamic: the input of {entry.about} is fixed: leave it out")
        options = replace(options, dynamic=frozenset())
    halves = entry.halves and not options.fp32
    extra = {"fp16": halves, **(options.extra or {})}
    for name in ("opset", "input_name", "output_names"):
        extra[name] = getattr(options, name)
    if read.reading is not None:
        card = read.reading.card
        n, _, height, width = read.reading.file.input.shape
        openable = {"batch": n is None, "size": height is None and width is None}
        size = _chosen_size(options.size, card.size, fixed=not openable["size"], card=card)
        batch = _chosen_batch(options.batch, n, card.name)
        dynamic = _chosen_dynamic(options, openable, card.name)
        made = ExportRequest(
            source=read.source, path=path, size=size, batch=batch, dynamic=dynamic,
            normalization=card.normalization, order=card.order, **extra,
        )  # fmt: skip
        if entry.backend == "tensorrt":
            made = with_engine_build(made, options.engine or EngineSettings(), card, path)
        return made, _fitted_card(card, made, [o.name for o in read.reading.file.outputs])
    said = card_beside(read.card_beside)
    size, batch, dynamic = _network_input(read, options, said.get("size"))
    draft = ExportRequest(
        source=read.source, path=path, size=size, batch=batch, dynamic=dynamic, **extra
    )
    if options.dynamic is None and read.source.kind == "network":
        draft = replace(draft, dynamic=_borne(draft))
    card = _inferred_card(read, draft, said, path)
    made = replace(draft, normalization=card.normalization, order=card.order)
    return made, _fitted_card(card, made, list(card.outputs))


def _chosen_size(
    wanted: tuple[int, int] | None, own: tuple[int, int], *, fixed: bool, card: ModelCard
) -> tuple[int, int]:
    if wanted is None or wanted == own:
        return own
    if fixed:
        raise ConfigError(
            f"--size: {card.name} takes {own[0]}×{own[1]} only, not {wanted[0]}×{wanted[1]}"
        )
    if wrong := [side for side in wanted if side % card.stride]:
        raise ConfigError(f"--size: {wrong[0]} is no multiple of the model's stride {card.stride}")
    return wanted


def _chosen_batch(wanted: int | None, own: int | None, name: str) -> int:
    if own and wanted not in {None, own}:
        raise ConfigError(f"--batch: {name} takes a batch of {own} only, not {wanted}")
    return own or wanted or 1


def _chosen_dynamic(
    options: ExportOptions, openable: Mapping[str, bool], name: str
) -> frozenset[DynamicSide]:
    can: frozenset[Any] = frozenset(side for side, can in openable.items() if can)
    wanted = options.dynamic
    if wanted is None:
        fixed = {"batch"} if options.batch else set()
        return can - (fixed | ({"size"} if options.size else set()))
    if missing := sorted(wanted - can):
        raise ConfigError(
            f"--dynamic: the graph of {name} has a fixed {' and '.join(missing)}: export it with an "
            "open one from the program that it was made with"
        )
    return wanted


def _network_input(
    read: ExportedModel, options: ExportOptions, said: object
) -> tuple[tuple[int, int], int, frozenset[DynamicSide]]:
    """The input (width, height) of a PyTorch model, its batch, and what it leaves open.

    An exported program keeps the input that it was made with.
    """
    told = read.told.get("imgsz", "").strip("[]").split(",")
    if len(told) == 2:
        said = said or (int(told[1]), int(told[0]))
    size = options.size or _pair(said) or (SIZE, SIZE)
    every: frozenset[DynamicSide] = frozenset({"batch", "size"})
    if read.source.kind != "program":
        fixed = {*(["batch"] if options.batch else []), *(["size"] if options.size else [])}
        usual = frozenset() if len(told) == 2 else every - fixed
        dynamic = usual if options.dynamic is None else options.dynamic
        return size, options.batch or int(read.told.get("batch", 1)), dynamic
    from sightline.engines.pytorch.engine import exported_input

    try:
        n, height, width, _ = exported_input(read.source.network)
    except ValueError as exc:
        raise ModelError(f"{read.source.name}: {exc}") from exc
    openable = {"batch": n is None, "size": height is None or width is None}
    own = size if height is None or width is None else (width, height)
    if options.size not in {None, own}:
        raise ConfigError(f"--size: {read.source.name} takes {own[0]}×{own[1]} only")
    dynamic = frozenset(side for side in every if openable[side])
    if options.dynamic not in {None, dynamic}:
        raise ConfigError(
            f"--dynamic: {read.source.name} is a program whose input stays as it was exported: "
            f"{', '.join(sorted(dynamic)) or 'nothing'} is open in it"
        )
    return own, _chosen_batch(options.batch, n, read.source.name), dynamic


def _borne(request: ExportRequest) -> frozenset[DynamicSide]:
    """What of the input can be left open, since the network runs on others; what it does not bear is told."""
    from sightline.optimize.export.comparison import shapes

    (n, height, width), *_ = shapes(request.size, request.batch, frozenset(), STRIDE)
    borne: set[DynamicSide] = set()
    for side in sorted(request.dynamic):
        (_, *others) = shapes(request.size, request.batch, frozenset({side}), STRIDE)
        try:
            _answers(request, (n, height, width))
        except ModelError:
            return request.dynamic  # not even its own: that is told where it is run next
        try:
            for other in others:
                _answers(request, other)
        except ModelError as exc:
            fixed = {"batch": f"batch of {request.batch}", "size": f"size of {width}×{height}"}[
                side
            ]
            log.warning("%s, so %s has a fixed %s", exc, request.path.name, fixed)
        else:
            borne.add(side)
    return frozenset(borne)


def _pair(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _inferred_card(
    read: ExportedModel, request: ExportRequest, said: Mapping[str, object], path: Path
) -> ModelCard:
    """The card of a network, from what is said of it and from what it answers with."""
    from sightline.model_inputs import format_shape
    from sightline.models.file import ModelFile
    from sightline.models.model_card import validated_card

    outputs = _output_specs(request)
    width, height = request.size
    pixels = TensorSpec(request.input_name or "images", request.input_shape)
    told = {**read.told, "imgsz": str([height, width])}
    file = ModelFile(read.card_beside, "onnx", pixels, (pixels,), 3, outputs, told, None, 0)
    try:
        card = read_any_card(file).card
    except ModelError as exc:
        told_how = any(said.get(field) for field in ("decoder", "class_names", "attributes"))
        if told_how or said.get("task") not in {None, "detect"}:
            raise
        log.info("%s: %s", request.source.name, exc)
        log.warning(
            "nothing tells how the outputs of %s are read (%s), so the card of %s holds its input only: "
            "--card FILE can tell, with `decoder: NAME`, or `task: classify` and `class_names`",
            request.source.name,
            ", ".join(f"{o.name} {format_shape(o.shape)}" for o in outputs),
            request.path.name,
        )
        fields = {"name": path.stem, "size": request.size, "fixed_size": False}
        card = validated_card(path, {**fields, "outputs": [o.name for o in outputs]})
    return card.model_copy(update={"size": request.size, **({} if said else {"name": path.stem})})


def _answers(request: ExportRequest, shape: tuple[int, int, int]) -> Outputs:
    """What a network says of grey pictures (N, height, width). Raises ModelError: it does not run on them."""
    import numpy as np

    from sightline.optimize.export.runners import network_runner

    return network_runner(request.source, Normalization(1 / 255))(
        np.full((*shape, 3), 114, np.uint8)
    )


def _output_specs(request: ExportRequest) -> tuple[TensorSpec, ...]:
    from sightline.optimize.export.tracing import chosen_names

    width, height = request.size
    answers = _answers(request, (request.batch, height, width))
    names = chosen_names([name for name, _ in answers], request.output_names)
    return tuple(
        TensorSpec(name, found.shape) for name, (_, found) in zip(names, answers, strict=True)
    )


def _fitted_card(card: ModelCard, request: ExportRequest, own: list[str]) -> ModelCard:
    """The card for the input that the export has, and its outputs' names."""
    names = dict(zip(own, request.output_names, strict=False))
    return card.model_copy(
        update={
            "size": request.size,
            "fixed_size": "size" not in request.dynamic,
            "max_batch": _max_batch(card, request),
            "outputs": tuple(names.get(name, name) for name in card.outputs),
            "sha256": None,
        }
    )


def _max_batch(card: ModelCard, request: ExportRequest) -> int | None:
    """Pictures in an inference of the export; an engine of TensorRT takes as many as it was built for."""
    if request.build is not None or "batch" not in request.dynamic:
        return request.batch
    return card.max_batch

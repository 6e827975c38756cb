"""A model in another format: from options to a file that was compared with what it was made of."""

from __future__ import annotations

import difflib
import glob
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.files.conflicts import check_files, paths_read
from sightline.build.model_files import located
from sightline.build.toolchain.export_comparison import ExportComparison, compare_export
from sightline.build.toolchain.export_sources import (
    ExportOptions,
    export_request,
    read_source,
)
from sightline.config import MODEL_SUFFIXES, ModelOptions
from sightline.errors import ConfigError
from sightline.replaced_files import place_all
from sightline.tables import EXPORTERS, load
from sightline.tables.entries import ExporterEntry
from sightline.whole_files import scratch_beside

if TYPE_CHECKING:
    from sightline.models.history import HistoryStep
    from sightline.models.model_card import ModelCard
    from sightline.optimize.export.request import ExportRequest, ExportSource

log = logging.getLogger(__name__)

FOR_ENGINES = "--int8, --profile, --workspace-mb, --dla, --strongly-typed, --cache and --target"

MOST_SIDE = 8192
"""Pixels of the longest side of an input: models are compared at that size, and memory ends."""


_OF_EACH = {"name", "history", "sha256"}
"""What a card says of one file: it need not be the same for two that share the card."""


@dataclass(frozen=True)
class Exported:
    """What was written: the file, its card, and how it compares; None: nothing here runs it."""

    path: Path
    card: ModelCard
    comparison: ExportComparison | None


def export(model: ModelOptions, to: Path, options: ExportOptions) -> Exported:
    """Write a model as ``to``, whose suffix tells the format, with its card beside it.

    Raises:
        ConfigError: there is no such format or model, or an option cannot be.
        ModelError: it cannot be converted, or differs too much: no file is left then.
        EngineUnavailable: a package is missing.
        SourceError: the data cannot be read.
        SinkError: the file cannot be written.
    """
    name, entry = exporter(to)
    if options.engine is not None and entry.backend != "tensorrt":
        raise ConfigError(
            f"{to}: {FOR_ENGINES} are of TensorRT's engines: write .engine, or leave them out"
        )
    if options.size is not None and max(options.size) > MOST_SIDE:
        raise ConfigError(f"--size: an input has at most {MOST_SIDE} pixels a side")
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_beside(to))
        read = read_source(model, to, options, scratch)
        if read.source.kind not in entry.sources:
            raise ConfigError(_impossible(read.source, entry))
        shared = _shares_card(model, to)
        _check_files(model, to, entry, options, shared_card=shared)
        request, card = export_request(read, scratch / to.name, entry, options)
        if not shared:
            _check_siblings(card, to)
        load(entry.make)(request)
        compared = None
        if entry.backend:
            compared = compare_export(read, request, card, entry, options)
        step = _step(name, entry, request, compared, options.extra or {})
        _place(request.path, to, entry, card.after(step), shared_card=shared)
    return Exported(to, card.after(step), compared)


def exporter(to: Path) -> tuple[str, ExporterEntry]:
    """The format that a file's name means. Raises ConfigError with the nearest suffix."""
    for name, entry in EXPORTERS.items():
        if to.suffix.lower() in {entry.suffix, *entry.other_suffixes}:
            return name, entry
    known = [suffix for e in EXPORTERS.values() for suffix in (e.suffix, *e.other_suffixes)]
    near = difflib.get_close_matches(to.suffix.lower(), known, n=1)
    hint = f"did you mean {to.with_suffix(near[0])}?" if near else ""
    listed = ", ".join(f"{entry.suffix} ({entry.about})" for entry in EXPORTERS.values())
    raise ConfigError(f"{to}: no format has the suffix {to.suffix or '(none)'}: {hint or listed}")


def _step(
    name: str,
    entry: ExporterEntry,
    request: ExportRequest,
    compared: ExportComparison | None,
    extra: Mapping[str, object],
) -> HistoryStep:
    from sightline.models.history import made_by

    figures = {} if compared is None else compared.figures()
    options: dict[str, Any] = {
        "to": name,
        "size": list(request.size),
        "batch": request.batch,
        "dynamic": sorted(request.dynamic),
        "fp16": request.fp16,
        "opset": request.opset,
        "engine": request.build.options.facts() if request.build is not None else None,
        **extra,
    }
    return made_by(
        "sightline export",
        *entry.packages,
        source=request.source.name,
        source_sha256=request.source.sha256,
        options={key: value for key, value in options.items() if value is not None},
        figures=figures,
    )


def _place(
    made: Path, to: Path, entry: ExporterEntry, card: ModelCard, *, shared_card: bool
) -> None:
    """Move what was written to its place: its card and parts first, then the file itself."""
    from sightline.models.model_card import card_path, write_card

    parts = [
        *((made.with_suffix(suffix), to.with_suffix(suffix)) for suffix in entry.companions),
        (made, to),
    ]
    if shared_card:
        place_all(parts)
        log.warning("%s is the card of both, so it does not tell how %s was made: another name gets its own", card_path(to), to.name)  # fmt: skip
        return
    write_card(card, made)
    place_all([(card_path(made), card_path(to)), *parts])


def _own_card(model: ModelOptions) -> Path:
    """Where the card of the model itself lies, or would lie."""
    return (located(model) or Path(model.model).expanduser()).with_suffix(".yaml")


def _shares_card(model: ModelOptions, to: Path) -> bool:
    """Whether the model has a card that is the export's, too: both have one name."""
    own, card = _own_card(model), to.with_suffix(".yaml")
    return own.exists() and card.exists() and own.samefile(card)


def _check_siblings(card: ModelCard, to: Path) -> None:
    """Refuse a card that would take the place of another model's and says something else."""
    from sightline.models.model_card import card_beside, card_path, validated_card

    models = (p for p in to.parent.glob(f"{glob.escape(to.stem)}.*") if p.name != to.name)
    siblings = sorted(path.name for path in models if path.suffix.lower() in MODEL_SUFFIXES)
    if not siblings:
        return
    said = card_beside(to)
    kept = validated_card(to, {**card.model_dump(), **said})
    differs = [
        key for key in said if key not in _OF_EACH and getattr(kept, key) != getattr(card, key)
    ]
    if differs:
        raise ConfigError(
            f"{card_path(to)} is the card of {', '.join(siblings)} too, and says another {differs[0]}: "
            f"{getattr(kept, differs[0])}, not {getattr(card, differs[0])}: give the export another name"
        )


def _check_files(
    model: ModelOptions,
    to: Path,
    entry: ExporterEntry,
    options: ExportOptions,
    *,
    shared_card: bool,
) -> None:
    """Refuse files that would destroy the model or its card, or that a card says are others."""
    from sightline.models.model_card import card_beside

    card, own = to.with_suffix(".yaml"), _own_card(model)
    if shared_card and card_beside(to).get("sha256"):
        raise ConfigError(
            f"{card} is the card of {model.model} and holds its checksum: give the export another name"
        )
    writes = {"the export": to}
    writes |= {f"its {suffix}": to.with_suffix(suffix) for suffix in entry.companions}
    reads = paths_read(model)
    if options.card is not None:
        reads["--card"] = options.card
    if card.absolute() != own.absolute():  # the model's own is kept where there is one
        writes["its card"] = card
    check_files(reads, writes)


def _impossible(source: ExportSource, entry: ExporterEntry) -> str:
    able = [e.suffix for e in EXPORTERS.values() if source.kind in e.sources]
    what = {"onnx": "an ONNX file", "openvino": "an OpenVINO IR"}.get(
        source.kind, "a PyTorch model"
    )
    return (
        f"{source.name} is {what}, which cannot be turned into {entry.about}: give the model that it "
        f"was made of, or write {' or '.join(able)}"
    )

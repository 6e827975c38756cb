"""How an engine of TensorRT is built: from the options of ``sightline export`` to the exporter's request."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.build.sources import inputs
from sightline.deploy.package.targets import find_target, read_targets
from sightline.errors import ConfigError
from sightline.geometry import place

if TYPE_CHECKING:
    from sightline.engines.requests import Shape
    from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile, Precision
    from sightline.models.model_card import ModelCard
    from sightline.optimize.export.request import DynamicSide, ExportRequest
    from sightline.types import Pixels

LARGEST_BATCH = 8
"""Pictures in an inference of an engine whose model leaves that open, and whose card says nothing."""

USUAL_BATCH = 4
"""What TensorRT tunes such an engine for, or fewer."""

EVERY = 5
"""A calibrator is shown each so many-th frame of a video: neighbours are alike."""

MOST_PICTURES = 512
"""So many are shown at most."""

_SHAPE = re.compile(r"(\d+)x(\d+)x(\d+)")


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What a user wants of an engine of TensorRT.

    Args:
        int8: INT8 instead of FP16.
        profile: ``MIN,OPT,MAX``, each batch x width x height; None: what follows from size and batch.
        workspace_mb: most memory of an operator.
        dla_core: the deep learning accelerator.
        strongly_typed: also with TensorRT 10.
        cache: folder of times, scales and engines.
        target: a machine of ``targets.yaml`` whose values hold where nothing else is said.
        data: footage that the user named; None: none.
    """

    int8: bool = False
    profile: str | None = None
    workspace_mb: int | None = None
    dla_core: int | None = None
    strongly_typed: bool = False
    cache: Path | None = None
    target: str | None = None
    data: str | None = None


def with_engine_build(
    request: ExportRequest, settings: EngineSettings, card: ModelCard, to: Path
) -> ExportRequest:
    """The request for an engine, with what is open in it as its profile says.

    Raises ConfigError: the profile is none, or the target does not know TensorRT or cannot do that.
    """
    from sightline.engines.tensorrt.calibration import CalibrationPictures
    from sightline.engines.tensorrt.options import BuildOptions
    from sightline.optimize.export.request import EngineBuild

    if settings.int8 and not request.fp16:
        raise ConfigError("--int8, --fp32: an engine is built in one of them")
    settings, most = _for_target(settings)
    precision: Precision = "int8" if settings.int8 else "fp16" if request.fp16 else "fp32"
    if settings.profile is not None:
        profile = parsed_profile(settings.profile)
    else:
        profile = usual_profile(request, card, most)
    options = BuildOptions(
        precision=precision,
        profile=profile,
        workspace_mb=settings.workspace_mb,
        strongly_typed=settings.strongly_typed or None,
        dla_core=settings.dla_core,
    )
    pictures = None
    if settings.int8 and settings.data is not None:
        footage = CalibrationFootage(settings.data, card)
        pictures = CalibrationPictures(settings.data, footage.identity, footage.batches)
    n, height, width = profile.open
    dynamic: set[DynamicSide] = set()
    if n is None:
        dynamic.add("batch")
    if height is None or width is None:
        dynamic.add("size")
    command = _command(request.source.name, to.name, options, settings)
    _, usual_height, usual_width = profile.optimum
    return replace(
        request,
        size=(usual_width, usual_height),
        batch=profile.maximum[0],
        dynamic=frozenset(dynamic),
        build=EngineBuild(options, settings.cache, pictures, command),
    )


def parsed_profile(text: str) -> OptimizationProfile:
    """The profile of ``1x640x384,4x640x640,8x1280x1280``: batch x width x height. Raises ConfigError."""
    from sightline.engines.tensorrt.options import OptimizationProfile

    shapes: list[Shape] = []
    for part in text.lower().split(","):
        found = _SHAPE.fullmatch(part.strip())
        if found is None:
            break
        n, width, height = map(int, found.groups())
        shapes.append((n, height, width))
    if len(shapes) == 1:
        shapes *= 3
    if len(shapes) != 3:
        raise ConfigError(
            f"--profile {text}: give the smallest, the usual and the largest input as batch x width x height: "
            "1x640x384,4x640x640,8x1280x1280; or one of them"
        )
    return OptimizationProfile(*shapes)


def usual_profile(request: ExportRequest, card: ModelCard, most: int | None) -> OptimizationProfile:
    """The profile of a model: its size is the largest, its stride the smallest side."""
    from sightline.engines.tensorrt.options import OptimizationProfile

    width, height = request.size
    low, usual, high = request.batch, request.batch, request.batch
    if "batch" in request.dynamic:
        high = card.max_batch or most or LARGEST_BATCH
        high = min(high, most or high)
        low, usual = 1, min(USUAL_BATCH, high)
    smallest = (height, width)
    if "size" in request.dynamic:
        smallest = (card.stride, card.stride)
    return OptimizationProfile((low, *smallest), (usual, height, width), (high, height, width))


class CalibrationFootage:
    """Footage that a calibrator shows a network, prepared as its detector does."""

    def __init__(self, data: str, card: ModelCard) -> None:
        self._data, self._card = data, card

    @property
    def identity(self) -> str:
        """Tells this footage from another, also where a file or folder of the same name was changed."""
        try:
            found, path = Path(self._data).stat(), Path(self._data).resolve()
        except OSError:  # an address, a pattern or a street
            return self._data
        return f"{path} {found.st_size} {found.st_mtime_ns}"

    def batches(self, shape: Shape) -> Iterator[Pixels]:
        """Batches of (N, H, W, 3), uint8, each whole. Raises SourceError."""
        from sightline.models.detector import letterbox

        n, height, width = shape
        batch: Pixels = np.empty((n, height, width, 3), np.uint8)
        source, filled, shown = inputs([self._data])[0].source, 0, 0
        every = 1 if source.open().still else EVERY
        try:
            for number, frame in enumerate(source):
                if number % every:
                    continue
                spot = place((frame.width, frame.height), (width, height), self._card.resize)
                letterbox(frame, spot, self._card, batch[filled])
                filled += 1
                if filled == n:
                    yield batch
                    filled, shown = 0, shown + n
                if shown >= MOST_PICTURES:
                    return
        finally:
            source.close()


def _for_target(settings: EngineSettings) -> tuple[EngineSettings, int | None]:
    """The settings with those of the target where nothing else is said, and its largest batch."""
    if settings.target is None:
        return settings, None
    found = find_target(settings.target, read_targets()).tensorrt
    if found is None:
        raise ConfigError(f"--target {settings.target}: this machine has no TensorRT")
    if settings.int8 and not found.int8:
        raise ConfigError(f"--target {settings.target}: its GPU has no INT8: leave --int8 out")
    if settings.dla_core is not None and settings.dla_core >= found.dla_cores:
        raise ConfigError(
            f"--dla {settings.dla_core}: {settings.target} has {found.dla_cores} DLA cores"
        )
    workspace = settings.workspace_mb or found.workspace_mb
    return replace(settings, workspace_mb=workspace), found.max_batch


def _command(source: str, to: str, options: BuildOptions, settings: EngineSettings) -> str:
    """What builds the same again."""
    words = ["sightline", "export", source, to, "--profile", str(options.profile)]
    words += {"fp32": ["--fp32"], "int8": ["--int8"]}.get(options.precision, [])
    if options.precision == "int8" and settings.data is not None:
        words += ["--data", settings.data]
    if options.workspace_mb is not None:
        words += ["--workspace-mb", str(options.workspace_mb)]
    if options.dla_core is not None:
        words += ["--dla", str(options.dla_core)]
    if options.strongly_typed:
        words.append("--strongly-typed")
    return shlex.join(words)

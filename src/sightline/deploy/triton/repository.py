"""The folders of a model repository: the network, and in front of it what makes boxes, names or vectors of pictures.

A client sends a picture to ``NAME`` and gets objects. ``NAME`` runs Sightline's own detector, classifier or
embedder, whose engine is Triton itself: it sends uint8 pixels to ``NAME_network``, where Triton joins what many
requests want into batches.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from sightline.deploy.names import server_word
from sightline.deploy.triton.configuration import Tensor, TritonModel, config_text, described
from sightline.errors import ConfigError
from sightline.replaced_files import place_all
from sightline.types import EngineInfo
from sightline.whole_files import made_for, scratch_beside, write_whole

log = logging.getLogger(__name__)

PICTURE_MODEL = (
    '"""Pictures in, objects out: run by Triton\'s Python backend. Needs the package sightline."""\n\n'
    "from sightline.build.toolchain.triton_models import {serves} as TritonPythonModel\n\n"
    '__all__ = ["TritonPythonModel"]\n'
)
NETWORK_MODEL = (
    '"""The network, where Triton has no ONNX Runtime of its own. Needs the package sightline."""\n\n'
    "from sightline.build.toolchain.triton_models import TritonNetwork as TritonPythonModel\n\n"
    '__all__ = ["TritonPythonModel"]\n'
)

PICTURE = Tensor("image", "string", (1,))
"""An encoded picture: JPEG, PNG and what else Sightline reads."""

BOXES = Tensor("boxes", "float32", (-1, 4), optional=True)
"""Input of classifiers and embedders: the objects, x1 y1 x2 y2 in the picture's pixels; none: the whole picture."""

OBJECTS = (
    Tensor("boxes", "float32", (-1, 4)),
    Tensor("scores", "float32", (-1,)),
    Tensor("class_ids", "int64", (-1,)),
    Tensor("objects", "string", (1,)),
)
"""x1 y1 x2 y2 in the picture's pixels; ``objects`` is all that is known of them, as JSON."""


@dataclass(frozen=True, kw_only=True)
class TritonOptions:
    """How Triton runs a model.

    Args:
        name: of the model that clients call.
        version: the folder's number.
        kept_versions: so many versions, the newest, are served.
        backend: that runs the network: ``onnxruntime``, or ``python`` where Triton has none.
        max_batch: the most pictures that Triton joins; 0: it joins none.
        preferred: sizes of a batch that it waits for, at most ``delay_ms``.
        instances: pictures that are prepared side by side, and networks.
        gpu: the network runs on GPUs.
    """

    name: str
    version: int = 1
    kept_versions: int = 1
    backend: str = "onnxruntime"
    max_batch: int = 8
    preferred: tuple[int, ...] = (4, 8)
    delay_ms: float = 2.0
    instances: tuple[int, int] = (4, 1)
    gpu: bool = False

    def __post_init__(self) -> None:
        server_word("--name", self.name)
        wrong = [size for size in self.preferred if not 0 < size <= self.max_batch]
        if self.max_batch and wrong:
            raise ConfigError(
                f"a preferred batch of {wrong[0]} is not between 1 and the largest, {self.max_batch}"
            )


@dataclass(frozen=True)
class DeployedNetwork:
    """An ONNX model that takes pixels (N, H, W, 3) uint8, and what a detector must know of it.

    Args:
        content: of the file.
        info: input and outputs; the first dimension of the input is None where it takes any batch.
        flat: its outputs have no row for each picture.
        card: the text of its card.
        serves: the class in ``build.toolchain.triton_models`` that takes pictures.
        inputs, answers: of that.
    """

    content: bytes
    info: EngineInfo
    flat: bool
    card: str
    serves: str = "TritonDetector"
    inputs: tuple[Tensor, ...] = (PICTURE,)
    answers: tuple[Tensor, ...] = OBJECTS


def write_repository(
    folder: Path, network: DeployedNetwork, options: TritonOptions
) -> tuple[Path, Path]:
    """Write both models below ``folder``; returns their folders.

    Raises:
        ConfigError: this version is there already.
        SinkError: the files cannot be written.
    """
    outer, inner = folder / options.name, folder / f"{options.name}_network"
    for place in (outer, inner):
        if (place / str(options.version)).exists():
            raise ConfigError(
                f"{place} has a version {options.version} already: give another --model-version, "
                "or another --name"
            )
    _tell_unreached(network, options)
    models = {outer: _picture_model(network, options), inner: _network_model(network, options)}
    version = str(options.version)
    for place, model in models.items():
        _check_versions(place, model, options)
    with scratch_beside(outer) as scratch, made_for(inner), made_for(outer):
        for place, model in models.items():
            made = scratch / place.name / version
            write_whole(scratch / place.name / "config.pbtxt", config_text(model).encode())
            if place == outer:
                write_whole(made / "model.py", PICTURE_MODEL.format(serves=network.serves).encode())
                write_whole(made / "card.yaml", network.card.encode())
            else:
                write_whole(made / "model.onnx", network.content)
                if options.backend == "python":
                    write_whole(made / "model.py", NETWORK_MODEL.encode())
        place_all(
            [
                (scratch / place.name / part, place / part)
                for place in (inner, outer)  # whoever polls the folder finds the network first
                for part in (version, "config.pbtxt")
            ]
        )
    return outer, inner


def _tell_unreached(network: DeployedNetwork, options: TritonOptions) -> None:
    """Each picture that is prepared is one of a batch: fewer side by side make no batch that is waited for."""
    least = min(options.preferred, default=0)
    if _joined(network, options) and options.instances[0] < least:
        log.warning(
            "%d pictures are prepared side by side, so no batch of %d comes together from them, and each waits %g ms "
            "for one: --instances %d,%d or --preferred %d",
            options.instances[0], least, options.delay_ms, least, options.instances[1], options.instances[0],
        )  # fmt: skip


def _check_versions(place: Path, model: TritonModel, options: TritonOptions) -> None:
    """Raise ConfigError: versions are served together that cannot be described by one configuration.

    Triton has one ``config.pbtxt`` for all versions of a model.
    """
    there = {int(p.name) for p in place.glob("*") if p.name.isdecimal() and p.is_dir()}
    served = sorted({*there, options.version})[-options.kept_versions :]
    if options.version not in served:
        raise ConfigError(
            f"{place} has newer versions ({', '.join(map(str, served))}), so that Triton would not serve "
            f"{options.version}: give a higher --model-version, or keep more with --keep-versions"
        )
    others = [version for version in served if version != options.version]
    path = place / "config.pbtxt"
    if not others or not path.exists():
        return
    try:
        said = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: it cannot be read: {exc}") from exc
    differing = sorted(set(described(config_text(model).splitlines())) ^ set(described(said)))
    if differing:
        raise ConfigError(
            f"{place}: version {others[-1]}, which is served beside {options.version}, takes or answers something "
            f"else ({differing[0]}): give another --name, or --keep-versions 1"
        )


def _picture_model(network: DeployedNetwork, options: TritonOptions) -> TritonModel:
    info = network.info
    told = {
        "network": f"{options.name}_network",
        "flat": json.dumps(network.flat),
        "input": json.dumps([info.input.name, info.input.shape]),
        "outputs": json.dumps([[o.name, o.shape] for o in info.outputs]),
        "most": json.dumps(_joined(network, options) or None),
    }
    return TritonModel(
        name=options.name,
        backend="python",
        inputs=network.inputs,
        outputs=network.answers,
        instances=options.instances[0],
        parameters=told,
        kept_versions=options.kept_versions,
    )


def _joined(network: DeployedNetwork, options: TritonOptions) -> int:
    """The most pictures that Triton joins for the network; 0: it joins none."""
    return options.max_batch if network.info.input.shape[0] is None and not network.flat else 0


def _network_model(network: DeployedNetwork, options: TritonOptions) -> TritonModel:
    info = network.info
    joins = _joined(network, options)

    def tensor(name: str, dtype: str, shape: tuple[int | None, ...]) -> Tensor:
        sides = tuple(-1 if side is None else side for side in shape)
        return Tensor(name, dtype, sides[1:] if joins else sides)

    return TritonModel(
        name=f"{options.name}_network",
        backend=options.backend,
        inputs=[tensor(info.input.name, "uint8", info.input.shape)],
        outputs=[tensor(o.name, o.dtype, o.shape) for o in info.outputs],
        max_batch=joins,
        preferred=options.preferred,
        delay_us=round(options.delay_ms * 1000),
        instances=options.instances[1],
        kind="KIND_GPU" if options.gpu else "KIND_CPU",
        kept_versions=options.kept_versions,
    )

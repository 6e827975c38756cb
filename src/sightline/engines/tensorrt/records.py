"""What is told of an engine in front of its plan: made when it is built, checked before it runs."""

from __future__ import annotations

import logging
from pathlib import Path

from sightline.engines.tensorrt.builder import Build
from sightline.engines.tensorrt.cuda import CudaDevice
from sightline.errors import ModelError
from sightline.plan_file import EngineRecord, read_plan, record_of, with_record
from sightline.types import Normalization, TensorSpec
from sightline.whole_files import write_whole

log = logging.getLogger(__name__)


def built_engine(
    build: Build,
    normalization: Normalization,
    *,
    command: str,
    outputs: tuple[TensorSpec, ...] = (),
) -> tuple[EngineRecord, bytes]:
    """An engine and its plan: that of the cache's folder which was built of the same, or a new one.

    Args:
        normalization: what is folded into the graph.
        command: what builds it again.
        outputs: names and shapes, where they are known.

    Raises:
        ModelError, ConfigError, SourceError, InferenceError: see ``Build.plan``.
        SinkError: a new one cannot be kept.
    """
    record = _record(build, normalization, command, outputs)
    kept = None
    if build.cache is not None:
        kept = build.cache / f"{Path(build.graph.name).stem}-{record.key[:16]}.engine"
        if (plan := _kept_plan(kept, record.key)) is not None:
            log.info("TensorRT: the engine is taken from %s", kept)
            return record, plan
    plan = build.plan()
    if kept is not None:
        write_whole(kept, with_record(record, plan))
    return record, plan


def check_record(
    record: EngineRecord, path: Path, version: str, device: CudaDevice, normalization: Normalization
) -> None:
    """Raise ModelError where an engine was built for another version, GPU or preparation of pixels.

    The message has the command that builds it again.
    """
    again = f"build it again here: `{record.command}`"
    built = f"{path} was built of {record.model}"
    if record.tensorrt != version:
        raise ModelError(
            f"{built} with TensorRT {record.tensorrt}, and {version} is installed: {again}"
        )
    if (record.gpu, record.compute_capability) != (device.name, device.compute_capability):
        was = f"{record.gpu} (compute capability {record.compute_capability})"
        raise ModelError(f"{built} for {was}, and cuda:{device.index} is {device}: {again}")
    if record.normalization != normalization:
        raise ModelError(
            f"{built} with {_told(record.normalization)}, and its card says {_told(normalization)}: {again}"
        )


def _record(
    build: Build, normalization: Normalization, command: str, outputs: tuple[TensorSpec, ...]
) -> EngineRecord:
    return EngineRecord(
        key=build.key,
        model=build.graph.name,
        tensorrt=build.trt.__version__,
        gpu=build.device.name,
        compute_capability=build.device.compute_capability,
        precision="int8" if build.graph.quantized else build.options.precision,
        dla_core=build.options.dla_core,
        normalization=normalization,
        input=(*build.graph.profile(build.options).open, 3),
        outputs=outputs,
        command=command,
    )


def _kept_plan(kept: Path, key: str) -> bytes | None:
    """The plan of a file that was built of the same; None: there is none, or it is another or not whole."""
    if not kept.is_file():
        return None
    try:
        words, plan = read_plan(kept)
        found = record_of(words, kept)
    except ModelError as exc:
        log.warning("%s: it is built anew", exc)
        return None
    return plan if found is not None and found.key == key else None


def _told(normalization: Normalization) -> str:
    mean, std = list(normalization.mean), list(normalization.std)
    return f"scale {normalization.scale:g}, mean {mean}, std {std}"

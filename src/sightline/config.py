"""Options as values: frozen models that are read once, at the edge, and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.errors import ConfigError


class Options(BaseModel):
    """What every set of options has in common: unknown keys are errors, nothing changes later."""

    # Validators are built when a set of options is first made: most commands need few of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


SomeOptions = TypeVar("SomeOptions", bound=Options)


def checked(options: type[SomeOptions], **values: Any) -> SomeOptions:
    """Make a set of options; what is wrong with one becomes a ConfigError that names it."""
    try:
        return options(**values)
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name}: {first['msg']}, not {first['input']!r}") from exc


class EngineOptions(Options):
    """How a tensor runtime runs a model."""

    device: str = Field(
        "auto", description="auto, cpu, gpu, cuda, npu; a number may follow: cuda:1"
    )
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto takes bf16 where the processor has it"
    )
    hint: Literal["throughput", "latency"] = Field(
        "throughput", description="many inferences side by side, or one as fast as can be"
    )
    requests: int = Field(0, ge=0, description="inferences in flight; 0: the runtime's optimum")
    threads: int = Field(0, ge=0, description="processor threads; 0: all cores")
    memory_limit_mb: int | None = Field(None, ge=64, description="of the GPU's memory arena")
    arena: bool = Field(True, description="ONNX Runtime keeps freed memory for the next inference")
    cudnn_search: Literal["exhaustive", "heuristic", "default"] = "exhaustive"
    graph_optimization: Literal["all", "extended", "basic", "off"] = "all"
    cache_dir: Path | None = Field(None, description="compiled models are kept here (OpenVINO)")


class LiveOptions(Options):
    """How a live source connects, and what it does when the connection is lost."""

    transport: Literal["tcp", "udp"] = Field("tcp", description="of RTSP")
    open_timeout_s: float = Field(
        5.0, gt=0, description="for one connection, and for open() to have the first picture"
    )
    stall_timeout_s: float = Field(
        4.0, gt=0, description="without a picture for so long, a connection counts as lost"
    )
    wait_for_camera: bool = Field(
        False, description="open() waits for a camera that is not there yet, for ever"
    )
    reconnect_attempts: int = Field(
        0, ge=0, description="in a row before the source has failed; 0: for ever"
    )
    backoff_first_s: float = Field(
        0.25, gt=0, description="before the first new attempt; doubles, and is jittered to half"
    )
    backoff_max_s: float = Field(2.0, gt=0, description="longest wait between two attempts")
    auth_retry_s: float = Field(
        30.0, gt=0, description="wait after a refused password: cameras lock accounts"
    )
    max_time_step_s: float = Field(
        5.0, gt=0, description="a larger step of the timestamps is replaced by the clock's"
    )
    threads: int = Field(1, ge=0, description="decoder threads; 0: all cores")


class ModelOptions(Options):
    """A model and how it is used. What is None is taken from the model's card."""

    model: str = Field(description="path of an .onnx or .xml file, a zoo name, or `people`")
    backend: Literal["auto", "onnxruntime", "openvino"] = "auto"
    engine: EngineOptions = EngineOptions()
    conf: float | None = Field(None, ge=0, le=1, description="lowest score of an object")
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    size: int | tuple[int, int] | None = Field(
        None, description="longer side of an input fitted to the picture, or its width and height"
    )
    classes: tuple[str, ...] | None = Field(None, description="names of the only classes wanted")
    max_detections: int | None = Field(None, ge=1)
    agnostic_nms: bool | None = Field(None, description="boxes of different classes compete too")
    models_dir: Path | None = Field(None, description="folder of pulled models")


class OutputOptions(Options):
    """Where a run writes what it sees. What is None is not written."""

    json_lines: str | None = Field(None, description="file for JSON lines, or - for stdout")
    csv: Path | None = None
    coco: Path | None = None
    # Text, not paths: "out/" means a folder, also where there is none yet.
    mot: str | None = Field(None, description="file, or folder/ with a file for each stream")
    annotated: str | None = Field(None, description="MP4 or picture file, or a folder/")
    database: str | None = Field(None, description="SQLite file or database URL")
    show: bool = Field(False, description="a live window")
    show_fps: bool = Field(False, description="the rate is drawn into annotated pictures")

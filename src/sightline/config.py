"""Options as values: frozen models that are read once, at the edge, and passed down."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, SupportsIndex, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sightline import config_misfits
from sightline.addresses import database_address, web_address
from sightline.config_misfits import Misfit
from sightline.config_paths import PathField, paths_in
from sightline.errors import ConfigError
from sightline.hosts import host_rule, network_rule
from sightline.redaction import redacted
from sightline.value_errors import in_words
from sightline.wall_time import read_moment


class Options(BaseModel):
    """What every set of options has in common: unknown keys are errors, nothing changes later."""

    # Validators are built when a set of options is first made: most commands need few of them.
    # What was given may hold secrets, and tracebacks show pydantic's own message.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


SomeOptions = TypeVar("SomeOptions", bound=Options)


def checked(options: type[SomeOptions], **values: Any) -> SomeOptions:
    """Make a set of options; what is wrong with one becomes a ConfigError that names it."""
    try:
        return options(**values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        at, value = ".".join(map(str, first["loc"])), first["input"]
        message = in_words(first["type"], first.get("ctx", {}), first["msg"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"{at}: there is no such option{_nearest(options, first['loc'])}"
            ) from exc
        message = message.removeprefix("Value error, ")
        text = f"{at}: {message}" if at else message
        # A whole section is nothing to read and may hold secrets; our own validators say it all.
        if not isinstance(value, (Mapping, list)) and first["type"] not in {
            "misfit",
            "value_error",
        }:
            text += f", not {redacted({at: value})[at]!r}"
        raise ConfigError(text) from exc


def _nearest(options: type[BaseModel], at: tuple[str | int, ...]) -> str:
    """A half sentence that names the option that was probably meant."""
    kind: Any = options
    for part in at[:-1]:
        kind = (
            kind.model_fields[part].annotation
            if part in getattr(kind, "model_fields", ())
            else None
        )
    near = get_close_matches(str(at[-1]), getattr(kind, "model_fields", ()), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _refuse(misfits: Iterable[Misfit]) -> None:
    """For validators: raise an error that ``config_mistakes`` takes apart, where there are any."""
    found = tuple(misfits)
    if found:
        text = "; ".join(f"{'.'.join(map(str, at))}: {what}" for at, what in found)
        raise PydanticCustomError("misfit", "{text}", {"text": text, "misfits": found})


_DEVICES = frozenset(("AUTO", "CPU", "GPU", "CUDA", "NPU"))


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
    cudnn_search: Literal["exhaustive", "heuristic", "default"] = Field(
        "exhaustive", description="how cuDNN looks for its fastest convolutions (CUDA)"
    )
    graph_optimization: Literal["all", "extended", "basic", "off"] = Field(
        "all", description="how far ONNX Runtime rewrites the graph"
    )
    url: str | None = Field(
        None,
        description="of the backend `triton`: grpc://host:8001/model or http://host:8000/model",
    )
    hang_s: float = Field(60.0, gt=0, description="an inference that takes longer is given up")
    cache_dir: Annotated[Path | None, PathField("folder")] = Field(
        None, description="compiled models are kept here (OpenVINO)"
    )

    @field_validator("device", mode="before")
    @classmethod
    def _kind_before_number(cls, value: Any) -> Any:
        """Other libraries number their GPUs only."""
        bare = isinstance(value, int) and not isinstance(value, bool)
        if bare or (isinstance(value, str) and value.replace(",", "").isdecimal()):
            raise ValueError(
                "a number alone is no device: the first GPU is cuda:0 (NVIDIA) or gpu:0"
            )
        return value.lower() if isinstance(value, str) and value.upper() in _DEVICES else value


class LiveOptions(Options):
    """How a live source connects, and what it does when the connection is lost."""

    transport: Literal["tcp", "udp"] = Field("tcp", description="of RTSP")
    open_timeout_s: float = Field(
        5.0, gt=0, description="for one connection, and for open() to have the first picture"
    )
    stall_timeout_s: float = Field(
        4.0, gt=0, description="without a picture for so long, a connection counts as lost"
    )
    key_frame_timeout_s: float = Field(
        30.0, gt=0, description="for the first key frame of a connection, while packets come"
    )
    download_mb: int = Field(
        4000,
        ge=0,
        description="most of an MP4 that is kept in a temporary file, where its index is at its end and the "
        "server sends no parts of files",
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
    hosts: tuple[Annotated[str, AfterValidator(host_rule)], ...] | None = Field(
        None,
        description="networks (CIDR) and names that may be connected to, also by redirects; none: "
        "any; []: any but link-local and cloud metadata addresses",
    )
    clock: Literal["auto", "arrival"] = Field(
        "auto",
        description="wall-clock time of frames: auto takes the camera's where it tells it (RTCP), else "
        "that of their arrival; arrival always the latter",
    )


def _class_words(value: Any) -> Any:
    """One class, or several with commas, need not stand in a list; ids are as good as names."""
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    elif isinstance(value, SupportsIndex) and not isinstance(value, Iterable):
        value = [value]
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        return value
    return tuple(
        str(one) if isinstance(one, SupportsIndex) and not isinstance(one, bool) else one
        for one in value
    )


ClassNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_class_words),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": ["string", "integer"]}},
                {"type": ["string", "integer"]},
            ]
        }
    ),
]
"""Names or ids of classes: a list, or text with commas."""


class DetectParameters(Options):
    """What one call may ask for instead of the model's own."""

    conf: float | None = Field(None, ge=0, le=1, description="lowest score of an object")
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    classes: ClassNames | None = Field(None, description="names or ids of the only classes wanted")


class TrackerOptions(Options):
    """Thresholds of ByteTrack that suit a model; see ``tracking.bytetrack``."""

    high_threshold: float = Field(ge=0, le=1, description="detections that are matched first")
    new_track_threshold: float = Field(ge=0, le=1, description="lowest score of a new object")
    low_threshold: float = Field(0.1, ge=0, le=1, description="lowest score that is looked at")
    class_aware: bool = Field(False, description="join only what has the same class")


Share = Annotated[float, Field(ge=0, le=1)]


class ByteTrackOptions(Options):
    """The tracker ByteTrack. What is None suits the model: see ``tracking.bytetrack``."""

    kind: Literal["bytetrack"] = Field("bytetrack", description="the tracker")
    high_threshold: Share | None = Field(
        None, description="score of detections that are matched first; none: the model's `conf`"
    )
    low_threshold: Share | None = Field(
        None, description="lowest score that is looked at; none: 0.1, or `conf` where that is lower"
    )
    new_track_threshold: Share | None = Field(
        None, description="lowest score of a new object; none: the model's `conf`"
    )
    match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) with a sure detection; none: 0.2"
    )
    low_match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) with a doubtful detection; none: 0.5"
    )
    new_match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) of an object that is not confirmed; none: 0.3"
    )
    minimum_hits: int | None = Field(
        None, ge=1, description="detections in a row that confirm a new object; none: 2"
    )
    lost_buffer_s: float | None = Field(
        None, ge=0, description="seconds out of sight after which an id is not given again; none: 1"
    )
    class_aware: bool | None = Field(
        None, description="join only what has the same class; none: as the model's card says"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ByteTrackOptions:
        _refuse(config_misfits.of_tracker(self))
        return self


def _kind_of(value: Any) -> Any:
    """A tracker's kind alone need not stand in braces."""
    return {"kind": value} if isinstance(value, str) else value


class TrackParameters(DetectParameters):
    """What one call of ``track`` may ask for."""

    every: int = Field(1, ge=1, description="only every so many-th frame is analysed")
    tracker: Annotated[ByteTrackOptions, BeforeValidator(_kind_of)] = Field(
        ByteTrackOptions(), description="a kind, or its thresholds"
    )


MODEL_SUFFIXES = {".onnx", ".xml", ".pt", ".pth", ".pt2", ".torchscript", ".ts"}
"""Of files that are meant as models; not all of them can be run. Other words are names."""


def _size_of(value: Any) -> Any:
    """Text as on the command line: ``640``, or ``640x384`` for width and height."""
    if not isinstance(value, str):
        return value
    sides = value.lower().replace("×", "x").split("x")
    if not all(side.strip().isdecimal() for side in sides) or len(sides) > 2:
        raise ValueError(f"give 640, or 640x384 for width and height, not {value!r}")
    numbers = tuple(map(int, sides))
    return numbers[0] if len(numbers) == 1 else numbers


InputSize = Annotated[
    int | tuple[int, int],
    BeforeValidator(_size_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer"},
                {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
                {"type": "string", "pattern": r"^\d+\s*([xX×]\s*\d+)?$"},
            ]
        }
    ),
]
"""The longer side, or width and height, in pixels; as text too: ``640x384``."""


class ModelOptions(Options):
    """A model and how it is used. What is None is taken from the model's card."""

    model: Annotated[str, PathField("model")] = Field(
        description="path of an .onnx or .xml file, a zoo name, or `people`"
    )
    backend: Literal["auto", "onnxruntime", "openvino", "torch", "triton"] = Field(
        "auto", description="auto takes the fastest that is installed and fits the device"
    )
    engine: EngineOptions = Field(EngineOptions(), description="how the runtime runs it")
    conf: float | None = Field(
        None,
        ge=0,
        le=1,
        description="lowest score of an object; where a stream tracks, of what begins an id",
    )
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    size: InputSize | None = Field(
        None, description="longer side of an input fitted to the picture, or its width and height"
    )
    classes: ClassNames | None = Field(None, description="names or ids of the only classes wanted")
    max_detections: int | None = Field(None, ge=1, description="most objects in a picture")
    agnostic_nms: bool | None = Field(None, description="boxes of different classes compete too")
    models_dir: Annotated[Path | None, PathField("folder")] = Field(
        None, description="folder of pulled models"
    )


def _path_text(value: Any) -> Any:
    """Python callers may give a ``Path``."""
    return str(value) if isinstance(value, Path) else value


_TEXT = BeforeValidator(_path_text)


def _folder(text: str) -> str:
    """An output that is many files, which no stream or address takes."""
    if not text or text == "-" or "://" in text:
        raise ValueError(f"give a folder, not {text!r}")
    return text


class OutputOptions(Options):
    """Where a run writes what it sees. What is None is not written."""

    # Text, not paths: "out/" means a folder, also where there is none yet.
    json_lines: Annotated[str | None, PathField("output", "--json", ".jsonl", shared=True)] = Field(
        None, description="JSON lines: a file, a folder/ with one for each stream, - for stdout"
    )
    csv: Annotated[str | None, _TEXT, PathField("output", "--csv", ".csv", shared=True)] = Field(
        None, description="a row for each object: a file, or a folder/ with one for each stream"
    )
    coco: Annotated[
        str | None, _TEXT, PathField("output", "--coco", ".json", companions=(".part",))
    ] = Field(None, description="COCO JSON: a file, or a folder/ with one for each stream")
    mot: Annotated[str | None, PathField("output", "--mot", ".txt")] = Field(
        None, description="MOT rows: a file, or a folder/ with one for each stream"
    )
    annotated: Annotated[str | None, PathField("output", "--output", ".mp4")] = Field(
        None, description="video (.mp4, .mov, .mkv, .avi, .webm) or picture file, or a folder/"
    )
    yolo_txt: Annotated[
        Annotated[str, AfterValidator(_folder)] | None,
        _TEXT,
        PathField(
            "output",
            "--yolo-txt",
            shared=True,
            inside=("data.yaml", "classes.txt"),
            folders=(("labels", r".*\.txt"),),
        ),
    ] = Field(None, description="YOLO labels: a folder, with a file for each picture or frame")
    crops: Annotated[
        Annotated[str, AfterValidator(_folder)] | None,
        _TEXT,
        PathField("output", "--crops", folders=(("", r".*-\d{6,}(-\d+)?\.jpg"),)),
    ] = Field(None, description="pictures of the objects: a folder, by stream and class")
    crops_per_track: int = Field(
        3, ge=0, description="the best so many crops of each track; 0: all of them"
    )
    crops_every: int | None = Field(
        None,
        ge=1,
        description="crops of each so many-th frame only; by default all, and each 25th of videos "
        "without tracks",
    )
    yolo_scores: bool = Field(
        False, description="YOLO labels have the score behind each box, and then the track id"
    )
    database: Annotated[
        Annotated[str, AfterValidator(database_address)] | None,
        PathField("output", "--db", ".db", shared=True, companions=("-wal", "-shm", "-journal")),
    ] = Field(None, description="SQLite file or database URL")
    show: bool = Field(False, description="a live window")
    show_fps: bool = Field(False, description="the rate is drawn into annotated pictures")
    append: bool = Field(False, description="a live stream keeps what is in its files already")

    def paths(self) -> list[str]:
        """Where results are written, in the order of the options; ``-`` is standard output."""
        return [text for _, text, _ in paths_in(self)]


Priority = Literal["urgent", "normal", "batch"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Names of models and streams stand in URLs, file names and metrics."""


class SchedulerOptions(Options):
    """How frames of streams and requests of clients share the engines."""

    max_batch: int = Field(8, ge=1, le=256, description="most pictures in one inference")
    queue: int = Field(1024, ge=1, description="items that may wait at a time, of all together")
    urgent_ms: float = Field(10.0, gt=0, description="queue budget of priority `urgent`")
    normal_ms: float = Field(50.0, gt=0, description="queue budget of priority `normal`")
    batch_ms: float = Field(100.0, gt=0, description="queue budget of priority `batch`")
    refuse_after: float = Field(
        2.0, gt=0, description="refuse what would wait longer than so many queue budgets"
    )
    watchdog_s: float = Field(10.0, gt=0, description="an inference that takes longer has hung")


class AdaptiveOptions(Options):
    """How a stream keeps up: fewer frames analysed, at a smaller size, only where something moves."""

    motion: bool = Field(False, description="analyse only where the picture has changed")
    motion_hold_s: float = Field(1.0, ge=0, description="go on for so long after the last motion")
    motion_refresh_s: float = Field(
        5.0, gt=0, description="analyse once in so long also when nothing moves"
    )
    target_fps: float | None = Field(None, gt=0, description="analysed per second that are wanted")
    max_latency_ms: float = Field(100.0, gt=0, description="p99 from decoded to analysed")
    sizes: tuple[Annotated[int, Field(gt=0, multiple_of=32)], ...] = Field(
        (), description="longer sides of the input, largest first, to go down and up by load"
    )
    max_fps: float | None = Field(
        None, gt=0, description="analysed per second at most; the rest are counted as skipped"
    )
    max_skip: int = Field(
        1, ge=1, le=100, description="at least every so many-th frame is analysed"
    )


Moment = Annotated[
    datetime,
    BeforeValidator(read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with its zone: ``wall_time.read_moment`` of what is given."""


def moment(name: str, value: object) -> datetime:
    """The moment that an option means. Raises ConfigError, which calls it ``name``."""
    try:
        return read_moment(value)
    except ValueError as exc:
        raise ConfigError(f"{name}: {exc}, not {value!r}") from exc


def _camera_number(value: Any) -> Any:
    """A camera's number need not stand in quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _something(value: str) -> str:
    if not value.strip():
        raise ValueError("give a file, an address, a camera's number, a folder or street://")
    return value


class StreamOptions(Options):
    """One camera, file or other source that is analysed for as long as it runs."""

    source: Annotated[
        str, BeforeValidator(_camera_number), AfterValidator(_something), PathField("source")
    ] = Field(
        description="file, rtsp://, http://, camera number, folder, street://",
        json_schema_extra={"type": ["string", "integer"]},
    )
    model: Name = Field("default", description="a name under `models`")
    track: bool = Field(True, description="give objects lasting ids")
    tracker: Annotated[ByteTrackOptions, BeforeValidator(_kind_of)] = Field(
        ByteTrackOptions(), description="how objects are followed: a kind, or its thresholds"
    )
    every: int = Field(
        1,
        ge=1,
        description="only every so many-th frame is analysed; the tracker predicts the others",
    )
    priority: Priority = Field("normal", description="whose frames go first when it is busy")
    weight: float = Field(1.0, gt=0, le=1000, description="share of the engine beside the others'")
    min_fps: float = Field(0.0, ge=0, description="kept for this stream before anyone gets more")
    max_age_ms: float = Field(
        1000.0, gt=0, description="a frame that has waited longer is dropped and counted"
    )
    realtime: bool = Field(
        False, description="play a file at its own pace, as a camera would: late frames are dropped"
    )
    loop: bool = Field(False, description="begin a file again at its end")
    fps: float | None = Field(
        None, gt=0, le=1000, description="pictures are the frames of one film at this rate"
    )
    start: Moment | None = Field(
        None, description="when a recording was begun, with its zone: 2026-11-28T08:00:00Z"
    )
    live: LiveOptions = Field(LiveOptions(), description="how a network stream connects")
    adaptive: AdaptiveOptions = Field(AdaptiveOptions(), description="how the stream keeps up")
    outputs: OutputOptions = Field(OutputOptions(), description="where results are written")

    @model_validator(mode="after")
    def _fits_together(self) -> StreamOptions:
        _refuse(config_misfits.of_stream(self))
        return self


class ReplicaOptions(Options):
    """Where a model runs: one engine for each device, with the memory it may take."""

    devices: tuple[str, ...] = Field((), description="cuda:0, cuda:1, cpu; a device may repeat")
    memory_limit_mb: int | None = Field(None, ge=64, description="of each device")


class ServedModelOptions(ModelOptions):
    """A model of a service; clients and streams call it by its name."""

    replicas: ReplicaOptions = Field(ReplicaOptions(), description="several devices at once")
    fallback: tuple[EngineOptions, ...] = Field(
        (), description="engines that take over, in this order, when the first one fails"
    )
    warm_up: bool = Field(True, description="run once at each batch size before being ready")
    tensors: Literal["auto", "native"] = Field(
        "auto",
        description="what the Open Inference Protocol describes as NAME: auto takes uint8 pictures, or "
        "the file's own tensors where it is no vision model; native always the file's own",
    )


class LimitOptions(Options):
    """What the service accepts from a client."""

    body_mb: float = Field(20.0, gt=0, description="bytes of one request's body")
    pixels: int = Field(50_000_000, ge=1, description="of one picture, before it is decoded")
    parts: int = Field(64, ge=1, description="of a multipart body; pictures of a batch")
    header_timeout_s: float = Field(10.0, gt=0, description="to send all headers of a request")
    body_timeout_s: float = Field(
        30.0, gt=0, description="to send a whole body; to go on reading an answer"
    )
    least_kb_s: float = Field(
        0.0, ge=0, description="kB a second that a body must come with, after 2 s; 0: any"
    )
    arriving_per_address: int = Field(
        256, ge=1, description="requests of one address that may be on their way at a time"
    )
    keep_alive_s: int = Field(
        75, ge=1, description="an idle connection is kept; longer than a proxy before it keeps it"
    )
    timeout_ms: float = Field(10_000.0, gt=0, description="for an answer, where none is asked for")
    connections: int = Field(1000, ge=1, description="that may be open at a time")
    queue_ms: float = Field(
        1000.0, gt=0, description="refuse at once what would wait longer in the queue"
    )
    in_flight: int = Field(1024, ge=1, description="requests that are worked on at a time")
    streams: int = Field(256, ge=0, description="streams that may run at a time")


def _secret_web_address(value: SecretStr) -> SecretStr:
    return SecretStr(web_address(value.get_secret_value()))


def _none_of(value: Any) -> Any:
    """The word none, as on the command line; YAML's own is null."""
    return None if isinstance(value, str) and value.lower() == "none" else value


PortOrNone = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    BeforeValidator(_none_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 65535},
                {"enum": ["none"]},
                {"type": "null"},
            ]
        }
    ),
]


def is_loopback(host: str) -> bool:
    """Whether a host that is bound to, or named in a Host header, is this computer's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class ServingOptions(Options):
    """The service that clients talk to. Without a token it listens to this computer only."""

    host: str = Field("127.0.0.1", description="address to listen at; 0.0.0.0: all networks")
    port: int = Field(8000, ge=0, le=65535, description="HTTP; 0 takes a free one")
    grpc_port: PortOrNone = Field(8001, description="none: no gRPC")
    token: SecretStr | None = Field(None, min_length=1, description="demanded of clients (Bearer)")
    admin_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="demanded for changes of models and streams; else `token` will do",
    )
    fetch_from: tuple[Annotated[str, AfterValidator(network_rule)], ...] = Field(
        (), description="networks (CIDR) whose pictures may be fetched by URL; none by default"
    )
    files_under: Annotated[tuple[Path, ...], PathField("folder")] = Field(
        (), description="folders whose files clients may open as streams; none by default"
    )
    outputs_under: Annotated[Path | None, PathField("folder")] = Field(
        None, description="folder below which clients' streams may write files; none by default"
    )
    stream_schemes: tuple[str, ...] = Field(
        ("rtsp", "rtsps", "http", "https", "street"),
        description="kinds of address that clients may open as streams",
    )
    stream_hosts: tuple[Annotated[str, AfterValidator(host_rule)], ...] = Field(
        (),
        description="networks (CIDR) and names (*.cams.lan) that clients' streams may connect to; "
        "by default any; link-local and cloud metadata addresses only where they are named",
    )
    origins: tuple[str, ...] = Field(
        (), description="web pages (origins) that may call from elsewhere"
    )
    shared_memory: bool = Field(
        False,
        description="whether requests under /v2 may name tensors in POSIX shared memory of this "
        "computer, which administrators register",
    )
    drain_s: float = Field(10.0, ge=0, description="to finish what was accepted after SIGTERM")
    nice: int = Field(
        3,
        ge=0,
        le=19,
        description="how much lower the threads that compute stand (nice) than the one that answers "
        "clients; Linux only, where the service has its process to itself",
    )
    limits: LimitOptions = Field(LimitOptions(), description="what is accepted from a client")
    trace_to: Annotated[str, AfterValidator(web_address)] | None = Field(
        None, description="address of an OpenTelemetry (OTLP/HTTP) collector"
    )

    @property
    def exposed(self) -> bool:
        """Others could reach it, and no token is demanded of them."""
        return self.token is None and not is_loopback(self.host)


class AlertOptions(Options):
    """A rule that is watched while the service runs."""

    name: Name = Field(description="stands in the log and in what is sent")
    metric: Literal["latency_p99_ms", "throughput_fps", "error_rate", "stream_down_s"] = Field(
        description="what is watched"
    )
    above: float | None = Field(None, description="alert where the value is greater")
    below: float | None = Field(None, description="alert where the value is smaller")
    for_s: float = Field(10.0, ge=0, description="only after so long without a pause")
    cooldown_s: float = Field(300.0, ge=0, description="silence after an alert")
    model: Name | None = Field(None, description="of this model only")
    stream: Name | None = Field(None, description="of this stream only")
    webhook: Annotated[SecretStr, AfterValidator(_secret_web_address)] | None = Field(
        None, description="address that gets a POST with JSON"
    )

    @model_validator(mode="after")
    def _one_limit(self) -> AlertOptions:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either `above` or `below`")
        return self


class Configuration(Options):
    """The whole of one configuration file."""

    models: dict[Name, ServedModelOptions] = Field(
        min_length=1, description="by name; the first is the default"
    )
    streams: dict[Name, StreamOptions] = Field({}, description="by name; what runs from the start")
    scheduler: SchedulerOptions = Field(
        SchedulerOptions(), description="how streams and clients share the engines"
    )
    serving: ServingOptions | None = Field(None, description="none: `sightline run` has no service")
    alerts: tuple[AlertOptions, ...] = Field((), description="rules that are watched")
    workers: int = Field(
        0, ge=0, le=64, description="processes that share the streams; 0: all in this one"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Configuration:
        _refuse(config_misfits.of_configuration(self))
        return self

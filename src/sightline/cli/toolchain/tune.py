"""``sightline tune``: the fastest way to run a model on footage within limits, and how many cameras it holds."""

from __future__ import annotations

import json as json_
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sightline.cli.options import Device, Json, Verbose, model_options
from sightline.cli.terminal import logs
from sightline.cli.toolchain import tune_view
from sightline.cli.toolchain.tune_options import (
    FEWEST_FRAMES,
    Accurate,
    Backends,
    Batches,
    CheckSeconds,
    EachFrame,
    Exhaustive,
    Footage,
    FullSeconds,
    InFlight,
    InputSizes,
    Latency,
    Precisions,
    Rate,
    RunFile,
    SampledFrames,
    Threads,
    TruthImages,
    TruthLabels,
    TunedModel,
)
from sightline.cli.toolchain.value_lists import ALL_LOCAL, LOCAL, PRECISIONS, numbers, words
from sightline.errors import ConfigError, InferenceError
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.build.toolchain.tuning import Accuracy
    from sightline.config import ModelOptions, StreamOptions
    from sightline.evaluation.detection import DetectionScores
    from sightline.optimize.tuning.cameras import Bottleneck, CameraPromise
    from sightline.optimize.tuning.candidates import Limits, SearchSpace, Trial
    from sightline.runtime.capacity import FleetLoad
    from sightline.types import Frame

MOST_CAMERAS = 1024
_LOOK_S = 8.0
_FIRST = 0.5
"""The number of cameras that is tried first, as a part of what the engine alone would do."""
_SHRUNK = (1.0, 0.75, 0.5)
"""Parts of the native input size that are tried, where the model takes other sizes."""


@dataclass(frozen=True)
class _Footage:
    """What a model is tuned on."""

    source: str
    frames: int
    every: int | None
    labels: str | None
    images: Path | None


def tune(
    source: Footage,
    model: TunedModel,
    p99_ms: Latency = 200.0, min_accuracy: Accurate = 0.95, target_fps: Rate = 5.0,
    labels: TruthLabels = None, images: TruthImages = None,
    frames: SampledFrames = 48, every: EachFrame = None,
    backends: Backends = ALL_LOCAL, precisions: Precisions = "fp32,bf16,fp16", sizes: InputSizes = None,
    batches: Batches = "1,4", threads: Threads = "0", requests: InFlight = "0,1",
    seconds: FullSeconds = 4.0, exhaustive: Exhaustive = False, check: CheckSeconds = 60.0,
    output: RunFile = None, device: Device = "auto", json: Json = False, verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Find the fastest way to run a model on your footage, and how many cameras this machine holds.

    Backend, precision, input size, batch, threads and requests in flight are searched for the most
    pictures a second within --p99-ms and --min-accuracy. Accuracy is agreement with the native
    configuration on the footage, or mAP on --labels. The number of cameras is checked by running them,
    decoding and tracking included, and a fifth more as well.

    [bold]Examples[/bold]

    sightline tune street.mp4 --model yolox_nano.onnx --output run.yaml

    sightline tune rtsp://camera/stream --model yolo11n.onnx --target-fps 10 --p99-ms 100 --json
    """
    from sightline.optimize.benchmarks.other_load import OtherLoad
    from sightline.optimize.tuning.candidates import Limits

    logs.set_up(verbose)
    options = model_options(model, device=device)
    limits = Limits(p99_ms, min_accuracy)
    _check_output(output, source, options)
    copies = _copies(source, target_fps, limits) if check else None
    footage = _Footage(source, frames, every, labels, images)
    space = _space(options, backends, precisions, sizes, batches, threads, requests)
    others = OtherLoad()
    found = _search(options, space, limits, footage, seconds, exhaustive=exhaustive)
    chosen, other_load = found["chosen"], {"search": others.share()}
    if chosen is None:
        raise InferenceError(tune_view.no_choice(found["trials"], limits, other_load["search"]))
    facts = _facts(options, limits, target_fps, found)
    if copies is not None:
        facts |= _cameras(found["options"], chosen, copies, target_fps, limits, check)
        other_load["cameras"] = others.share()
    facts["other_load"] = other_load
    if output is not None:
        _write(output, found["options"], chosen, source, target_fps, limits)
    if json:
        typer.echo(json_.dumps(facts))
    else:
        tune_view.show(facts, output)


def _tell(line: str) -> None:
    typer.echo(printable(line), err=True)


def _check_output(output: Path | None, source: str, options: ModelOptions) -> None:
    """Raise ConfigError before anything is measured: the file could not be written, or not hold these names."""
    from sightline.whole_files import check_text

    if output is None:
        return
    for name in (source, str(options.model)):
        check_text(name, f"the configuration {output}")
    if output.suffix.lower() not in {".yaml", ".yml"}:
        raise ConfigError(f"--output {output}: give a name that ends in .yaml")
    if output.exists():
        raise ConfigError(f"--output {output}: there is such a file: remove it or take another")


def _space(
    options: ModelOptions,
    backends: str,
    precisions: str,
    sizes: str | None,
    batches: str,
    threads: str,
    requests: str,
) -> SearchSpace:
    """Raises ConfigError naming the option, ModelError: no runtime loads the model."""
    from sightline.build.toolchain.tuning import engine_detector, usable_backends
    from sightline.optimize.tuning.candidates import SearchSpace

    wanted = words("--backends", backends, LOCAL)
    given = words("--precisions", precisions, PRECISIONS)
    usable = usable_backends(options, wanted)
    native = engine_detector(options.model_copy(update={"backend": usable[0]}))
    native.close()
    card = native.card
    sides = [max(card.size)]
    if sizes is not None:
        sides = numbers("--sizes", sizes, least=1)
    elif not card.fixed_size:
        sides = [_rounded(part * max(card.size), card.stride) for part in _SHRUNK]
    most = card.max_batch or MOST_CAMERAS
    return SearchSpace(
        usable,
        given,
        list(dict.fromkeys(sides)),
        max(card.size),
        [n for n in numbers("--batches", batches, least=1) if n <= most] or [1],
        numbers("--threads", threads, least=0),
        numbers("--requests", requests, least=0),
    )


def _rounded(side: float, stride: int) -> int:
    return max(1, round(side / stride)) * stride


def _search(
    options: ModelOptions,
    space: SearchSpace,
    limits: Limits,
    footage: _Footage,
    seconds: float,
    *,
    exhaustive: bool,
) -> dict[str, Any]:
    """The trials, the chosen one, and the seconds that the search took."""
    from sightline.build.toolchain.tuning import FootageRunner, candidate_options, sampled_frames
    from sightline.optimize.tuning.search import best, search, search_all

    began = time.monotonic()
    native = candidate_options(options, space.native)
    pictures = sampled_frames(footage.source, footage.frames, footage.every)
    if footage.labels is None and len(pictures) < FEWEST_FRAMES:
        raise ConfigError(
            f"{footage.source}: {len(pictures)} frames are too few to tell how accurate a way to run a model is: "
            f"{FEWEST_FRAMES} are needed at least, some 50 are better; or give --labels"
        )
    _tell(f"native configuration: {space.native}, {len(pictures)} frames")
    with _accuracy(native, footage, pictures) as accuracy:
        runner = FootageRunner(options, (pictures[0].width, pictures[0].height), accuracy)
        try:
            trials = (search_all if exhaustive else search)(space, runner, limits, _tell, seconds)
        finally:
            runner.close()
    return {
        "trials": trials,
        "chosen": best(trials, limits, seconds),
        "options": options,
        "search_s": time.monotonic() - began,
        "space": len(space.every()),
    }


@contextmanager
def _accuracy(native: ModelOptions, footage: _Footage, pictures: list[Frame]) -> Iterator[Accuracy]:
    """How accurate a way to run the model is: on labels, or by agreement on the footage."""
    from sightline.build.toolchain.tuning import FootageAgreement

    if footage.labels is not None:
        yield _LabelAccuracy(native, footage)
        return
    agreement = FootageAgreement(native, pictures)
    try:
        yield agreement
    finally:
        agreement.close()


class _LabelAccuracy:
    """What is kept of the native configuration's mAP on labels. Raises ConfigError: that is 0."""

    def __init__(self, native: ModelOptions, footage: _Footage) -> None:
        self._footage = footage
        self._native = self._scores(native)
        if not self._native.map > 0:
            raise ConfigError(
                f"--labels {footage.labels}: the model finds nothing of what they tell"
            )

    def __call__(self, options: ModelOptions) -> float:
        """The part of the native configuration's mAP; of masks or keypoints where less of theirs is kept."""
        from sightline.optimize.variants.gate import LossLimits, judge_scores

        return judge_scores(self._scores(options), self._native, LossLimits()).kept

    def _scores(self, options: ModelOptions) -> DetectionScores:
        from sightline.cli.evaluate import LOWEST_CONF
        from sightline.cli.scoring import Labels, labelled_scores

        labels = Labels(str(self._footage.labels), self._footage.images, None, None)
        return labelled_scores(labels, options.model_copy(update={"conf": LOWEST_CONF}))


def _facts(
    options: ModelOptions, limits: Limits, target_fps: float, found: dict[str, Any]
) -> dict[str, Any]:
    from sightline.optimize.benchmarks.result_file import machine
    from sightline.optimize.tuning.candidates import pareto_front

    trials: list[Trial] = found["trials"]
    front = pareto_front(trials)
    return {
        "model": options.model,
        "machine": machine(),
        "limits": {**asdict(limits), "target_fps": target_fps},
        "search_s": round(found["search_s"], 2),
        "space": found["space"],
        "trials": [asdict(trial) for trial in trials],
        "pareto": [asdict(trial) for trial in front],
        "chosen": asdict(found["chosen"]),
    }


def _copies(source: str, target_fps: float, limits: Limits) -> StreamOptions:
    """The cameras that are promised. Raises ConfigError, SourceError before anything is measured: it is none."""
    from sightline.build.toolchain.measured import camera_copies

    return camera_copies(source, target_fps, limits.p99_ms, motion=False, option="--target-fps")


def _cameras(
    options: ModelOptions,
    chosen: Trial,
    copies: StreamOptions,
    target_fps: float,
    limits: Limits,
    check_s: float,
) -> dict[str, Any]:
    """How many cameras hold, checked, and what stands in the way of more."""
    from sightline.build.toolchain.measured import measured_fleet
    from sightline.build.toolchain.tuning import candidate_options
    from sightline.optimize.tuning.cameras import promise_cameras
    from sightline.runtime.capacity import measure_fleet

    how = candidate_options(options, chosen.candidate)
    with measured_fleet(how, MOST_CAMERAS, chosen.candidate.batch) as fleet:

        def measure(number: int, seconds: float) -> FleetLoad:
            load = measure_fleet(fleet, copies, number, seconds)
            said = "holds" if load.holds(target_fps, limits.p99_ms) else "too many"
            if load.error:
                said = f"{load.failed} failed: {load.error}"
            _tell(
                f"{number} cameras for {seconds:g} s: slowest {load.slowest_fps:.1f} FPS, "
                f"p99 {load.age_p99_ms:.0f} ms: {said}"
            )
            return load

        promise = promise_cameras(
            measure, target_fps, limits.p99_ms, min(_LOOK_S, check_s), check_s, MOST_CAMERAS,
            start=max(1, int(_FIRST * chosen.pictures_per_s / target_fps)),
        )  # fmt: skip
    return _promised(promise, _bottleneck(how, chosen, copies.source, promise))


def _bottleneck(
    options: ModelOptions, chosen: Trial, source: str, promise: CameraPromise
) -> Bottleneck | None:
    from sightline.build.toolchain.tuning import stage_times
    from sightline.optimize.tuning.cameras import bottleneck

    load = promise.load or promise.more
    if load is None:
        return None
    stages, rate = stage_times(options, source)
    on_processor = options.engine.device in {"auto", "cpu"}
    return bottleneck(stages, rate, load, chosen.pictures_per_s, on_processor=on_processor)


def _promised(promise: CameraPromise, found: Bottleneck | None) -> dict[str, Any]:
    return {
        "cameras": promise.cameras,
        "cameras_load": asdict(promise.load) if promise.load else None,
        "more_load": asdict(promise.more) if promise.more else None,
        "settled": promise.settled,
        "bottleneck": {**asdict(found), "text": str(found)} if found else None,
    }


_HEAD = "# Written by `sightline {command}`; `sightline run {file}` analyses the footage so.\n"


def _write(
    output: Path,
    options: ModelOptions,
    chosen: Trial,
    source: str,
    target_fps: float,
    limits: Limits,
) -> None:
    """The configuration. Raises ConfigError, SinkError as ``saved_config.save`` does."""
    from sightline.build.toolchain.tuning import candidate_options
    from sightline.cli import saved_config

    how = candidate_options(options, chosen.candidate)
    name = saved_config.served_name(options.model)
    tree = {
        "models": {name: saved_config.written_model(how)},
        "scheduler": {"max_batch": chosen.candidate.batch},
        "streams": {
            "camera-1": {
                "source": source,
                "adaptive": {"max_fps": target_fps, "max_latency_ms": limits.p99_ms},
            }
        },
    }
    saved_config.save(output, "tune", tree, option="--output", head=_HEAD)

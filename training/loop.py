"""The loop that keeps a detector good: collect, label, train, evaluate, promote; on the street, where the truth is known.

    python training/loop.py OUT                # some minutes on two cores; --short: one or two, to see it run
    python training/loop.py OUT --choose random

A small detector is taught by day and dusk. Cameras of other streets then see days with a night in them. The frames that
are hard for it are collected within a budget (``sightline collect``), labelled with the truth, and taught beside what it was
taught before. Where it has become better by night, and no worse by day, it takes the first one's place in a service as a
canary. In OUT appear both models, the collected and the labelled dataset, and ``report.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from data import CLASSES, HEADLINE, HEIGHT, PLACES, WIDTH, Batch, Crops, build, from_labels, scene
from evaluate import Scene
from export import export
from model import StreetDetector
from train import CHECKPOINT, Batches, Recipe, Training, run

import sightline
from sightline.build.monitoring.collecting import CollectOptions, collect
from sightline.build.monitoring.drifting import SamplingOptions, learn
from sightline.config import ModelOptions
from sightline.monitoring.drift.reference import Reference
from sightline.sinks.yolo_dataset import YoloDataset
from sightline.sources.pictures import ArrayPicture
from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of
from sightline.sources.street.options import Light
from sightline.sources.street.truth import StreetTruth
from sightline.types import Frame

CAMERAS = 5_000
"""The first seed of the cameras: the first training takes seeds from 0 on."""
MODEL = "street-small.onnx"
SEEN = 0.2
"""Who labels a picture labels what is seen by at least so much."""
NAMES = tuple(CLASSES.values())


@dataclass(frozen=True)
class LoopOptions:
    """How much is taught, looked at and judged. A day has ``by_day``, ``at_dusk`` and ``at_night`` pictures."""

    seed: int = 0
    streets: int = 150
    """Of the first training."""
    taught: tuple[Light, ...] = ("day", "dusk")
    """What light they have."""
    steps: int = 900
    cameras: int = 4
    by_day: int = 24
    at_dusk: int = 6
    at_night: int = 6
    reference: int = 200
    """Pictures by day, of an earlier day, from which it is learnt what is usual for a camera; 0: nobody knows."""
    budget: int = 6
    more_steps: int = 150
    judged: int = 24
    """Streets by night that are judged, three pictures of each; half as many by day and dusk."""
    batch: int = 8
    promote: bool = True

    @classmethod
    def short(cls, seed: int) -> LoopOptions:
        """Enough to see that everything goes on from where the step before ended; nothing is learnt."""
        return cls(
            seed, streets=6, steps=60, cameras=2, by_day=4, at_dusk=1, at_night=2, reference=0, budget=2,
            more_steps=10, judged=2, batch=4,
        )  # fmt: skip


class SmallTraining(Training):
    """Of a quarter of the detector: a few minutes teach it what takes the whole one hours."""

    def network(self) -> StreetDetector:
        return StreetDetector(neck=24, head=24, width=0.5)


class Mixed:
    """Batches of which equal parts come from several places: what was taught before is not forgotten."""

    def __init__(self, *parts: Batches) -> None:
        self._parts = parts

    def batch(self, step: int, count: int) -> Batch:
        """The crops of one step of training; ``count`` is a multiple of the places."""
        share = count // len(self._parts)
        found = [part.batch(step, share) for part in self._parts]
        owner = np.concatenate([one.owner + share * i for i, one in enumerate(found)])
        return Batch(
            np.concatenate([one.pictures for one in found]),
            owner,
            np.concatenate([one.boxes for one in found]),
            np.concatenate([one.classes for one in found]),
            np.concatenate([one.ignored for one in found]),
        )


def recipe(options: LoopOptions, steps: int, rate: float) -> Recipe:
    """Crops of 256×192, which the small network sees in a quarter of a second."""
    return Recipe(
        steps, batch=options.batch, width=256, height=192, seed=options.seed, rate=rate,
        warm_up=min(100, steps // 8 + 1), average=0.99,
    )  # fmt: skip


def first_model(options: LoopOptions, out: Path) -> Path:
    """A detector that has never seen a night: its file. Its training goes on where it was interrupted."""
    if not (out / "data" / "truth.npz").exists():
        seeds = (s for s in range(HELD_OUT_SEED) if scene(s).resolved().light in options.taught)
        build(out / "data", [next(seeds) for _ in range(options.streets)], 4, seconds=4)
    how = recipe(options, options.steps, 4e-3)
    training = SmallTraining(how)
    run(training, Crops(out / "data", (how.width, how.height), how.seed), out)
    return exported(training, out)


def exported(training: Training, out: Path) -> Path:
    """The file of a trained network."""
    export(training.average.eval(), out / MODEL, tolerance=0.1)
    return out / MODEL


@dataclass(frozen=True)
class CameraDay:
    """The pictures of one camera's day: a folder as a camera writes it, and what is really in each."""

    street: StreetOptions
    folder: Path
    lights: Sequence[str]
    truth: Sequence[StreetTruth]

    def picture(self, number: int) -> Path:
        """The file of one of them."""
        return self.folder / f"{number:04d}.jpg"


def camera_days(options: LoopOptions, out: Path) -> list[CameraDay]:
    """What the cameras have seen, a picture a second: by day, at dusk, and by night."""
    days = []
    for camera in range(options.cameras):
        seed = CAMERAS + 100 * options.seed + camera
        folder = out / f"camera-{camera + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        street = StreetOptions(
            seed=seed, width=WIDTH, height=HEIGHT, fps=1, weather="random", camera="random",
            density="random", jpeg=90,
        )  # fmt: skip
        day = CameraDay(street, folder, lights := [], truth := [])
        parts: dict[Light, int] = {
            "day": options.by_day, "dusk": options.at_dusk, "night": options.at_night,
        }  # fmt: skip
        for light, seconds in parts.items():
            if not seconds:  # to a street, 0 is endless
                continue
            part = {"light": light, "duration": seconds, "start": len(truth)}
            for frame in StreetSource(street.model_copy(update=part)):
                path, quality = day.picture(len(truth)), [cv2.IMWRITE_JPEG_QUALITY, 95]
                cv2.imwrite(str(path), frame.image, quality)
                truth.append(truth_of(frame))
                lights.append(light)
        days.append(day)
    return days


def usual(options: LoopOptions, model: ModelOptions, day: CameraDay) -> Reference | None:
    """What is usual for a camera: what ``sightline drift learn`` learnt when the first model came, by day."""
    if not options.reference:
        return None
    before = day.street.model_copy(update={"start": 600, "duration": options.reference})
    return learn(before.url(), model, SamplingOptions(), lambda _: None)


def hard_frames(
    options: LoopOptions, model: Path, days: Sequence[CameraDay], out: Path
) -> list[list[int]]:
    """The numbers of the frames of each camera that are worth a label: what ``sightline collect`` keeps.

    Where it keeps fewer than the budget allows, frames at random fill it: the same number is labelled in any case.
    """
    found = []
    # What it is unsure of has low scores: it is asked for them, too.
    asked = ModelOptions(model=str(model), conf=0.1)
    for number, day in enumerate(days, 1):
        reference = usual(options, asked, day)
        wanted = CollectOptions(
            out / f"camera-{number}", options.budget, every_s=1.0, reference=reference
        )
        kept = collect([str(day.folder)], asked, wanted, lambda _: None)
        found.append([one.frame.item.frame.index for one in kept])
    more = random_frames(options, days)
    return [
        sorted([*hard, *(n for n in other if n not in hard)][: options.budget])
        for hard, other in zip(found, more, strict=True)
    ]


def random_frames(options: LoopOptions, days: Sequence[CameraDay]) -> list[list[int]]:
    """As many frames of each camera as the budget allows, whichever they are."""
    rng = np.random.default_rng([options.seed, 7])
    return [sorted(rng.permutation(len(day.truth))[: options.budget].tolist()) for day in days]


def labelled(days: Sequence[CameraDay], chosen: Sequence[Sequence[int]], out: Path) -> int:
    """Write the chosen pictures with true labels, as a dataset of YOLO's; how many they are.

    This is what somebody does in Label Studio or CVAT where nothing knows the truth.
    """
    dataset = YoloDataset(out, scores=False, pictures=True)
    dataset.open()
    count = 0
    for camera, (day, numbers) in enumerate(zip(days, chosen, strict=True), 1):
        for number in numbers:
            truth = day.truth[number].visible(SEEN)
            objects = replace(truth, class_ids=PLACES[truth.class_ids], class_names=NAMES)
            picture = cv2.imread(str(day.picture(number)))
            frame = Frame(f"camera-{camera}", number, number, 0.0, ArrayPicture(picture))
            dataset.name_classes(objects)
            dataset.write(f"camera-{camera}-{number:04d}", frame, objects)
            count += 1
    return count


def taught_again(options: LoopOptions, first: Path, labels: Path | None, out: Path) -> Path:
    """The first model after it was taught the labelled pictures beside what it was taught before: its file.

    Without labels it is taught for as long what it was taught before.
    """
    if labels is not None:
        from_labels(labels, out / "data")
    how = recipe(options, options.more_steps, 1e-3)
    size = (how.width, how.height)
    training = SmallTraining(how)
    training.start_from(first / CHECKPOINT)
    folders = [first] if labels is None else [first, out]
    run(training, Mixed(*(Crops(folder / "data", size, how.seed) for folder in folders)), out)
    return exported(training, out)


Judged = Sequence[tuple[str, Frame]]
"""Frames of streets that nobody was taught, with their light."""


def judged_frames(options: LoopOptions) -> Judged:
    """Three frames each of held-out streets; twice as many by night as by day and dusk together."""
    found = []
    for number in range(options.judged * 3 // 2):
        light = ("night", "night", "day" if number % 2 else "dusk")[number % 3]
        street = StreetOptions(
            seed=HELD_OUT_SEED + number, width=WIDTH, height=HEIGHT, fps=1, duration=3,
            light=light, weather="random", camera="random", density="random",
        )  # fmt: skip
        found += [(light, frame) for frame in StreetSource(street)]
    return found


def judge(model: Path, frames: Judged) -> dict[str, float]:
    """mAP of a model by night and by day (with dusk), by the rule ``data.HEADLINE``."""
    detector = sightline.load(str(model), conf=0.01, iou=0.6, max_detections=300)
    scenes = {"night": Scene(), "day": Scene()}
    for light, frame in frames:
        scenes["night" if light == "night" else "day"].add(frame, detector.detect(frame))
    return {
        light: round(one.scores(detector.class_names, HEADLINE).map, 4)
        for light, one in scenes.items()
    }


SITE = """
models:
  street:
    model: {first}
    canary:
      model: next
      steps: [0.5]
      pictures: 30
      compare: 1.0
      # What it finds was judged; here it is seen whether it runs as well, on this machine.
      max_latency_p95: 5
      max_latency_p99: 10
      min_agreement: 0
      min_class_agreement: 0
      max_count_change: 100
  next: {{model: {second}}}
streams:
  gate: {{source: "street://?seed=5999&duration=0&fps=5", realtime: true}}
serving: {{port: {port}, grpc_port: none}}
"""


def promoted(first: Path, second: Path, out: Path, limit_s: float = 180.0) -> str:
    """Let a service that runs put the second model in the first one's place: how the canary ended."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    site = out / "site.yaml"
    site.write_text(SITE.format(first=first.resolve(), second=second.resolve(), port=port))
    command = [str(Path(sys.executable).with_name("sightline")), "run", str(site)]
    with (out / "service.log").open("w") as log:
        service = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        state = "running"
        deadline = time.monotonic() + limit_s
        while state in {"running", "promoting"} and time.monotonic() < deadline:
            time.sleep(0.5)
            state = _state(port)
        return state
    finally:
        service.send_signal(signal.SIGINT)
        service.wait()


def _state(port: int) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/models/street/rollout", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
    except OSError:  # it is not up yet
        return "running"
    return str(told["state"])


def loop(options: LoopOptions, out: Path, choose: str) -> dict[str, Any]:
    """Everything once: what was chosen, how both models are judged, and what became of the second."""
    out.mkdir(parents=True, exist_ok=True)
    first = first_model(options, out / "first")
    days = camera_days(options, out / "cameras")
    if choose == "hard":
        chosen = hard_frames(options, first, days, out / "hard")
    else:
        chosen = random_frames(options, days)
    shutil.rmtree(out / "labelled", ignore_errors=True)
    count = labelled(days, chosen, out / "labelled")
    shutil.rmtree(out / "second", ignore_errors=True)
    second = taught_again(options, out / "first", out / "labelled", out / "second")
    frames = judged_frames(options)
    before, after = judge(first, frames), judge(second, frames)
    better = after["night"] > before["night"] and after["day"] > before["day"] - 0.02
    state = "not better"
    if options.promote and (better or options.judged < 10):  # so few frames judge nothing
        state = promoted(first, second, out)
    lights = [day.lights[n] for day, numbers in zip(days, chosen, strict=True) for n in numbers]
    report = {
        "options": asdict(options), "choose": choose, "chosen": chosen, "labelled": count,
        "by_night": lights.count("night"), "before": before, "after": after, "state": state,
    }  # fmt: skip
    (out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="a minute or two: nothing is learnt")
    parser.add_argument("--choose", choices=("hard", "random"), default="hard")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    options = LoopOptions.short(a.seed) if a.short else LoopOptions(a.seed)
    report = loop(options, a.out, a.choose)
    print(
        json.dumps(
            {name: report[name] for name in ("labelled", "by_night", "before", "after", "state")}
        )
    )


if __name__ == "__main__":
    main()

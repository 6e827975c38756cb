"""The accuracy that is estimated without labels, beside the true one, on streets whose truth is known.

    python benchmarks/estimated_accuracy.py --keep FOLDER [--calibrate 80] [--conditions 40] [--own-size 384]

A calibration is learnt on streets of random weather, light, camera and picture faults, seeds 6000 and up. Then 40
conditions are estimated that nothing was learnt or tuned on: held-out seeds, and also faults that no calibration
street has (snow, zoom, turned cameras, bright paint, lorries). The model is the bundled detector at an input of 384
pixels, the reference the same detector at 960 pixels. As a service does it, a street is looked at once in so many
seconds: the model sees three frames that follow one another, the reference the middle one. ``--keep`` keeps what
was found in each street, so that a run goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy import stats

from sightline import build
from sightline.config import EngineOptions, ModelOptions
from sightline.evaluation.detection import score_detections, with_classes
from sightline.evaluation.estimation.accuracy import estimate_accuracy
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import SeenFrame
from sightline.evaluation.estimation.learning import LabelledFootage, learn_calibration
from sightline.protocols import Detector
from sightline.sources.street.drawing.render import Renderer
from sightline.sources.street.options import HELD_OUT_SEED
from sightline.sources.street.source import StreetPicture, StreetSource, truth_of
from sightline.sources.street.world import World
from sightline.types import Detections, Frame

NAMES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
FPS = 2
"""Of the frames of a look."""
LOOKS, APART_S = 60, 10.0
REFERENCE_SIZE = (960, 576)
CALIBRATION_SEED = 6000
TESTED_SEED = HELD_OUT_SEED + 3000
SEEN_SHARE, SEEN_PIXELS = 0.25, 64  # as `sightline evaluate detect` asks of a street
CONDITIONS = (
    "", "light=night", "light=dusk", "weather=fog", "weather=rain", "snow=2", "snow=4", "blur=2.5", "blur=4",
    "exposure=-1", "exposure=-2.5", "exposure=1.5", "jpeg=20", "jpeg=8", "turn=0.2", "zoom=1.4", "zoom=0.7",
    "noise=4", "trucks=0.9", "paint=bright", "density=0.5", "density=2", "camera=high", "camera=low",
    "camera=corner", "light=night&weather=rain", "light=night&weather=fog", "light=night&noise=4",
    "light=night&exposure=-1", "weather=fog&blur=3", "weather=fog&zoom=0.6", "weather=rain&jpeg=12",
    "light=dusk&exposure=-2", "light=dusk&snow=3", "camera=high&blur=3", "camera=corner&light=night",
    "camera=low&weather=fog&density=1.5", "camera=corner&exposure=2&noise=3", "zoom=1.8&light=night",
    "shake=4&blur=3.5&noise=3",
)  # fmt: skip


def tested(number: int, seed: int) -> str:
    """The options of a tested condition, each on a street of its own from ``seed`` on."""
    return f"seed={seed + number}&{CONDITIONS[number]}".rstrip("&")


def learnt(number: int) -> str:
    """The options of a street that is learnt from, drawn from its number."""
    rng = np.random.default_rng([number, 77])
    options = {
        "seed": CALIBRATION_SEED + number,
        "light": rng.choice(["day", "dusk", "night"]),
        "weather": rng.choice(["clear", "clear", "rain", "fog"]),
        "camera": rng.choice(["mast", "corner", "high", "low"]),
        "density": round(float(rng.uniform(0.4, 2)), 2),
    }
    for name in ("noise", "blur"):
        # Drawn first, so that a strength does not depend on whether it is used.
        options[name] = round(float(rng.uniform(0, 4)) if rng.random() < 0.5 else 1.0, 2)
    if rng.random() < 0.4:
        options["jpeg"] = int(rng.integers(8, 90))
    if rng.random() < 0.25:
        options["exposure"] = round(float(rng.uniform(-2.5, 2)), 2)
    return "&".join(f"{name}={value}" for name, value in options.items())


def looks(options: str, count: int) -> Iterator[tuple[Frame, bool]]:
    """Three frames of each look in a row, and whether one is the middle one."""
    street = StreetSource(f"street://?fps={FPS}&duration={count * APART_S:g}&{options}").options
    renderer = Renderer(street)
    world = World(street, renderer.street)
    number = 0
    for _ in range(count):
        for place in range(3):
            picture = StreetPicture(*renderer.frame(world))
            yield Frame("street", number, number / FPS, 0.0, picture), place == 1
            number += 1
            world.advance(1 / FPS)
        world.advance(APART_S - 3 / FPS)


def look(options: str, count: int, own: Detector, reference: Detector) -> LabelledFootage:
    """What both find in a street, and its truth."""
    seen, truths, uncounted = [], [], []
    for frame, middle in looks(options, count):
        (found,) = own.submit((frame,)).result()
        theirs = reference.submit((frame,)).result()[0] if middle else None
        seen.append(SeenFrame(found, theirs))
        true = truth_of(frame)
        truths += with_classes([true.detections], true.detections.class_names, NAMES)
        sides = (true.boxes[:, 2:] - true.boxes[:, :2]).astype(np.float64)
        uncounted.append((true.visibility < SEEN_SHARE) | (sides.prod(axis=1) < SEEN_PIXELS))
    return labelled(seen, truths, uncounted)


def labelled(
    seen: Sequence[SeenFrame], truths: Sequence[Detections], uncounted: Sequence[np.ndarray]
) -> LabelledFootage:
    """The footage with its true mAP."""
    scores = score_detections(truths, [one.found for one in seen], NAMES, crowd=uncounted)
    return LabelledFootage(seen, truths, uncounted, scores.map50)


def _model(size: int | tuple[int, int] | None) -> Detector:
    options = ModelOptions(model="street", conf=0.001, size=size, engine=EngineOptions(threads=1))
    return build.detector(options)


def _kept(
    folder: Path, name: str, options: str, count: int, models: list[Detector], size: int
) -> LabelledFootage:
    path = folder / f"{name}.pickle"
    if path.exists():
        made: LabelledFootage = pickle.loads(path.read_bytes())
        return made
    if not models:
        models += [_model(size or None), _model(REFERENCE_SIZE)]
    made = look(options, count, *models)
    path.write_bytes(pickle.dumps(made))
    print(f"  {name}: {options}: {made.map50:.3f}", flush=True)
    return made


def _judge(
    title: str, estimates: Sequence[tuple[float, float, float]], true: Sequence[float]
) -> None:
    middle, low, high = np.array(estimates).T
    off = np.abs(middle - np.array(true))
    inside = np.mean((low <= true) & (true <= high))
    rank = stats.spearmanr(middle, true).statistic
    print(f"{title:24} mean error {off.mean():.3f}, rank correlation {rank:.3f}, in the interval {inside:.0%}, "
          f"worst {off.max():.3f}")  # fmt: skip


def main() -> None:
    """Learn, estimate and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--calibrate", type=int, default=80)
    parser.add_argument("--conditions", type=int, default=len(CONDITIONS))
    parser.add_argument("--own-size", type=int, default=384, help="0: the model's own")
    parser.add_argument("--looks", type=int, default=LOOKS, help="at each tested street")
    parser.add_argument("--seed", type=int, default=TESTED_SEED, help="first of the tested streets")
    arguments = parser.parse_args()
    seed = max(HELD_OUT_SEED, arguments.seed)
    cv2.setNumThreads(1)
    size = arguments.own_size
    folder = arguments.keep / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    models: list[Detector] = []
    learning = [
        _kept(folder, f"learnt{number:02}", learnt(number), LOOKS, models, size)
        for number in range(arguments.calibrate)
    ]
    testing = [
        _kept(
            folder,
            f"tested{seed + number}-{arguments.looks}",
            tested(number, seed),
            arguments.looks,
            models,
            size,
        )
        for number in range(arguments.conditions)
    ]
    calibration = learn_calibration(learning, NAMES, "street", "street at 960")
    true = [one.map50 for one in testing]
    ways: dict[str, tuple[list[Sequence[SeenFrame]], AccuracyCalibration | None]] = {
        "reference, calibrated": ([one.seen for one in testing], calibration),
        "alone, calibrated": ([_alone(one.seen) for one in testing], calibration),
        "reference, uncalibrated": ([one.seen for one in testing], None),
        "alone, uncalibrated": ([_alone(one.seen) for one in testing], None),
    }
    print(f"{len(learning)} streets learnt from; true mAP@0.5 of {len(true)} others: {min(true):.2f} to "
          f"{max(true):.2f}, mean {np.mean(true):.3f}, mean distance from it "
          f"{np.abs(np.array(true) - np.mean(true)).mean():.3f}")  # fmt: skip
    for title, (footage, known) in ways.items():
        found = [estimate_accuracy(seen, NAMES, known) for seen in footage]
        _judge(title, [(one.map50, one.low, one.high) for one in found], true)
        if title == "reference, calibrated":
            for number, one in enumerate(found):
                print(
                    f"    {CONDITIONS[number] or 'nothing':36} true {true[number]:.3f} estimated {one.map50:.3f}"
                )


def _alone(seen: Sequence[SeenFrame]) -> list[SeenFrame]:
    return [SeenFrame(one.found) for one in seen]


if __name__ == "__main__":
    main()

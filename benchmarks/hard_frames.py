"""How much of the gap by night hard frames close, against the same number of frames at random.

A small detector is taught streets by day, long enough to be good at that. Cameras of other streets then see a minute of day in which
a few pictures are of the night (``--night`` of 60): what a model does not know is rare in what cameras see, else it would have
been taught it. Of each camera as many frames are labelled with the truth and taught beside what was taught before, once the hard
ones and once random ones. Both are judged on held-out streets. The gap is what a model lacks, by night, that was taught as many
steps without a new picture (``none``), of one that was taught every picture of the cameras (``all``).

    python benchmarks/hard_frames.py --seeds 3                  # half an hour on two cores
    python benchmarks/hard_frames.py --seeds 3 --chosen-only    # which frames are chosen, without training again

Needs PyTorch (extra ``training``). Everything is decided by the seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

import cv2
import loop  # type: ignore[import-not-found]
import torch

CHOICES = ("hard", "random", "all", "none")


def chosen_frames(
    options: loop.LoopOptions, first: Path, days: Sequence[loop.CameraDay], choice: str, out: Path
) -> list[list[int]]:
    """The numbers of the frames of each camera that are labelled."""
    chosen: list[list[int]] = [
        [] if choice == "none" else list(range(len(day.truth))) for day in days
    ]
    if choice == "hard":
        chosen = loop.hard_frames(options, first, days, out / "hard")
    if choice == "random":
        chosen = loop.random_frames(options, days)
    return chosen


def one_seed(
    options: loop.LoopOptions, out: Path, judged: loop.Judged | None, choices: Sequence[str]
) -> dict[str, Any]:
    """For each choice the lights of the frames that were chosen, and the mAP after they were taught."""
    first, own = out / "first", out / f"seed-{options.seed}"
    model = first / loop.MODEL
    days = loop.camera_days(options, own / "cameras")
    told: dict[str, Any] = {}
    for choice in choices:
        chosen = chosen_frames(options, model, days, choice, own)
        lights = Counter(
            day.lights[n] for day, numbers in zip(days, chosen, strict=True) for n in numbers
        )
        told[choice] = {"frames": dict(lights)}
        if judged is not None:
            labels = own / choice / "labelled" if any(chosen) else None
            if labels is not None:
                loop.labelled(days, chosen, labels)
            file = loop.taught_again(options, first, labels, own / choice)
            told[choice] |= loop.judge(file, judged)
        print(json.dumps({"seed": options.seed, "choice": choice} | told[choice]), flush=True)
    return told


def closed(seeds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of the gap by night that each choice closes, over all seeds.

    More steps make the model better by themselves, so all are held against as many steps without a new picture.
    """
    none, every = (mean(one[choice]["night"] for one in seeds) for choice in ("none", "all"))
    return {
        choice: (mean(one[choice]["night"] for one in seeds) - none) / (every - none)
        for choice in ("hard", "random")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--streets", type=int, default=300, help="of the first training")
    parser.add_argument("--steps", type=int, default=3000, help="of the first training")
    parser.add_argument("--more-steps", type=int, default=300)
    parser.add_argument("--night", type=int, default=3, help="pictures of each camera's 60")
    parser.add_argument("--out", type=Path, help="goes on with what is there; else nothing is kept")
    parser.add_argument("--chosen-only", action="store_true")
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    options = loop.LoopOptions(
        streets=a.streets, taught=("day",), steps=a.steps, more_steps=a.more_steps, batch=16,
        cameras=8, by_day=60 - a.night, at_dusk=0, at_night=a.night, judged=48,
    )  # fmt: skip
    if a.no_reference:
        options = replace(options, reference=0)
    with tempfile.TemporaryDirectory() as scratch:
        out = a.out or Path(scratch)
        first = loop.first_model(options, out / "first")
        judged = None if a.chosen_only else loop.judged_frames(options)
        before = {} if judged is None else loop.judge(first, judged)
        print(json.dumps({"first": before}), flush=True)
        choices = CHOICES[:2] if judged is None else CHOICES
        seeds = [one_seed(replace(options, seed=s), out, judged, choices) for s in range(a.seeds)]
    if judged is not None:
        shares = closed(seeds)
        ratio = shares["hard"] / shares["random"] if shares["random"] > 0 else float("inf")
        print(json.dumps({"gap closed by night": shares, "hard over random": round(ratio, 2)}))


if __name__ == "__main__":
    main()

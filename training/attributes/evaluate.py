"""Score the classifier and the embedder on streets that they have never seen.

    python -m training.attributes.evaluate street-attributes.onnx street-embedder.onnx [--streets 90]

Frames are of held-out seeds, in equal shares of all weathers and lights and of three sizes, seen
from all cameras. What is scored: crops, cut by the truth's boxes, of objects that are at least
``HEIGHT`` pixels high and ``VISIBLE`` seen. The models run as they do in use, through
``CropClassifier`` and ``CropEmbedder``.

Colour and type: share of crops whose first label is right; a label that is not given is wrong.
Embedder: each identity asks once, with its first good crop that is good a second later too. It is
compared with 50 crops of the same kind (people, or vehicles), each a second younger: its own, those
of everybody else in its street, and others of the same weather and light up to 50.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from training.attributes.data import ATTRIBUTES, PERSON, SIZES, good

from sightline.build import build_engine
from sightline.config import ModelOptions
from sightline.models.card import read_crop_card
from sightline.models.classifier import CropClassifier
from sightline.models.embedder import CropEmbedder
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of
from sightline.types import Frame

HEIGHT, VISIBLE = 25, 0.5
GALLERY = 50
SECONDS = 12
EVERY = 4
"""Seconds between two frames whose crops are classified."""
MOVED = 0.25
"""What has moved by more than this share of its longer side in a second counts as moving."""
CONDITIONS = tuple(itertools.product(("clear", "rain", "fog"), ("day", "dusk", "night")))


def streets(count: int) -> Iterator[StreetOptions]:
    """Held-out streets: weathers and lights in turn, sizes in turn for each of these."""
    for number in range(count):
        weather, light = CONDITIONS[number % len(CONDITIONS)]
        width, height = SIZES[number // len(CONDITIONS) % len(SIZES)]
        yield StreetOptions(
            seed=HELD_OUT_SEED + number, width=width, height=height, fps=1, duration=SECONDS,
            weather=weather, light=light, camera="random", density="random",
        )  # fmt: skip


@dataclass(frozen=True)
class Named:
    """One crop: where it was seen, what it is and what was said of it, by attribute."""

    condition: tuple[str, str]
    identity: tuple[int, int]
    height: float
    truth: dict[str, str]
    said: dict[str, str]


@dataclass(frozen=True)
class Pair:
    """One identity at two moments a second apart, as vectors."""

    condition: tuple[str, str]
    seed: int
    person: bool
    moved: bool
    before: NDArray[np.float32]
    after: NDArray[np.float32]


def classify(model: CropClassifier, street: StreetOptions, frame: Frame) -> list[Named]:
    """The good vehicles of a frame."""
    truth = truth_of(frame)
    rows = [r for r in good(truth, HEIGHT, VISIBLE).tolist() if truth.class_ids[r] != PERSON]
    found = []
    for row, labels in zip(rows, model.submit(frame, truth.boxes[rows]).result(), strict=True):
        box = truth.boxes[row]
        found.append(
            Named(
                (street.weather, street.light),
                (street.seed, int(truth.track_ids[row])),
                float(box[3] - box[1]),
                {label.attribute: label.value for label in truth.labels[row]},
                {label.attribute: label.value for label in labels},
            )
        )
    return found


class Pairs:
    """Collects the pairs of one street from its frames, a second apart."""

    def __init__(self, model: CropEmbedder, street: StreetOptions) -> None:
        self._model, self._street = model, street
        self._before: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self.found: dict[int, Pair] = {}

    def add(self, frame: Frame) -> None:
        truth = truth_of(frame)
        rows = good(truth, HEIGHT, VISIBLE)
        vectors = self._model.submit(frame, truth.boxes[rows]).result()
        now = {}
        for row, vector in zip(rows.tolist(), vectors, strict=True):
            track, box = int(truth.track_ids[row]), truth.boxes[row]
            now[track] = (vector, box)
            if track in self._before and track not in self.found:
                before, old = self._before[track]
                way = np.abs((box[:2] + box[2:] - old[:2] - old[2:]) / 2).max()
                pair = Pair(
                    (self._street.weather, self._street.light), self._street.seed,
                    int(truth.class_ids[row]) == PERSON,
                    bool(way > MOVED * (old[2:] - old[:2]).max()), before, vector,
                )  # fmt: skip
                self.found[track] = pair
        self._before = now


def rank(pairs: list[Pair]) -> list[tuple[Pair, bool, bool | None]]:
    """Of each pair whether it came first of GALLERY, and of its own street (None: alone there)."""
    rng = np.random.default_rng(0)
    ranked = []
    for at, pair in enumerate(pairs):
        kin = [i for i, p in enumerate(pairs) if i != at and p.person == pair.person]
        near = [i for i in kin if pairs[i].seed == pair.seed]
        like = [
            i for i in kin if pairs[i].seed != pair.seed and pairs[i].condition == pair.condition
        ]
        rest = [i for i in kin if pairs[i].condition != pair.condition]
        others = near[: GALLERY - 1]
        for pool in (like, rest):
            others += rng.permutation(pool)[: GALLERY - 1 - len(others)].astype(int).tolist()
        if len(others) < GALLERY - 1:
            raise ValueError(f"only {len(others) + 1} of a kind: evaluate more streets")
        own = float(pair.before @ pair.after)
        first = [
            own > max(float(pair.before @ pairs[i].after) for i in o) for o in (others, near) if o
        ]
        ranked.append((pair, first[0], first[1] if near else None))
    return ranked


def share(values: list[bool]) -> str:
    """A share and how many it is of."""
    return f"{np.mean(values):.3f} ({len(values)})" if values else "–"


def conditions() -> dict[str, Callable[[tuple[str, str]], bool]]:
    """Names of rows of a table, and which conditions belong to them."""
    rows: dict[str, Callable[[tuple[str, str]], bool]] = {"all": lambda _: True}
    for name in ("day", "dusk", "night", "clear", "rain", "fog"):
        rows[name] = lambda c, name=name: name in c
    for pair in CONDITIONS:
        rows[" ".join(pair)] = lambda c, pair=pair: c == pair
    return rows


def print_names(crops: list[Named]) -> None:
    """Tables of accuracy: by condition, by height and by name."""
    identities = len({c.identity for c in crops})
    print(
        f"\n{len(crops)} crops of {identities} vehicles\n\n| scenes | type | colour |\n| --- | --- | --- |"
    )
    right = {
        a: [(c, c.said.get(a) == c.truth[a]) for c in crops if a in c.truth] for a in ATTRIBUTES
    }
    for name, belongs in conditions().items():
        cells = [share([ok for c, ok in right[a] if belongs(c.condition)]) for a in ATTRIBUTES]
        print(f"| {name} | {' | '.join(cells)} |")
    for low, high in ((HEIGHT, 40), (40, 80), (80, 9999)):
        cells = [share([ok for c, ok in right[a] if low <= c.height < high]) for a in ATTRIBUTES]
        print(f"| {low} to {high} pixels high | {' | '.join(cells)} |")
    for attribute, values in ATTRIBUTES.items():
        print(f"\n{attribute}: right, and what else was said")
        for value in values:
            mine = [(c, ok) for c, ok in right[attribute] if c.truth[attribute] == value]
            wrong: dict[str, int] = defaultdict(int)
            for c, ok in mine:
                if not ok:
                    wrong[c.said.get(attribute, "nothing")] += 1
            told = ", ".join(f"{n} {v}" for v, n in sorted(wrong.items(), key=lambda i: -i[1]))
            print(f"  {value}: {share([ok for _, ok in mine])}; {told}")
    none = [c.said.get("colour") is None for c in crops if "colour" not in c.truth]
    print(f"no colour is given to what has none: {share(none)}")


def print_ranks(pairs: list[Pair]) -> None:
    """Table of how often the same object came first."""
    ranked = rank(pairs)
    print("\n| scenes | people | vehicles | people that moved | vehicles that moved |")
    print("| --- | --- | --- | --- | --- |")
    cells = list(itertools.product((False, True), (True, False)))
    for name, belongs in conditions().items():
        mine = [(p, ok) for p, ok, _ in ranked if belongs(p.condition)]
        row = [
            share([ok for p, ok in mine if p.person == person and (p.moved or not moved)])
            for moved, person in cells
        ]
        print(f"| {name} | {' | '.join(row)} |")
    row = [
        share([near for p, _, near in ranked
               if near is not None and p.person == person and (p.moved or not moved)])
        for moved, person in cells
    ]  # fmt: skip
    print(f"| among those of its own street only | {' | '.join(row)} |")


def engine_of(path: Path, backend: str) -> tuple[Engine, ModelCard]:
    """An engine for a model file, and the file's card."""
    reading = read_crop_card(open_model(path))
    options = ModelOptions(model=str(path), backend=backend)
    return build_engine(reading.file.content, reading.card.normalization, options), reading.card


def classified(model: CropClassifier, count: int) -> list[Named]:
    """What is said of the crops of ``count`` streets."""
    crops: list[Named] = []
    for options in streets(count):
        street = options.resolved()
        for frame in StreetSource(street):
            if frame.index % EVERY == 0:
                crops += classify(model, street, frame)
    return crops


def paired(model: CropEmbedder, count: int) -> list[Pair]:
    """The pairs of ``count`` streets."""
    pairs: list[Pair] = []
    for options in streets(count):
        seen = Pairs(model, options.resolved())
        for frame in StreetSource(options):
            seen.add(frame)
        pairs += seen.found.values()
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--streets", type=int, default=90)
    parser.add_argument("--backend", default="auto")
    a = parser.parse_args()
    for path in a.models:
        engine, card = engine_of(path, a.backend)
        try:
            if card.task == "classify":
                print_names(classified(CropClassifier(engine, card), a.streets))
            else:
                print_ranks(paired(CropEmbedder(engine, card), a.streets))
        finally:
            engine.close()


if __name__ == "__main__":
    main()

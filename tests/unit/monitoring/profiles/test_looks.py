"""Sketches of what objects look like tell distributions apart, and add up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sightline.monitoring.drift.two_sample import maximum_mean_discrepancy
from sightline.monitoring.profiles.looks import LooksSketch
from sightline.types import Floats


def vectors(seed: int, count: int, towards: float) -> Floats:
    """Vectors (N, 32) of length 1, the more alike the farther ``towards`` the first axis."""
    found = np.random.default_rng(seed).normal(0, 1, (count, 32)).astype(np.float32)
    found[:, 0] += towards
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def sketch(*parts: Floats) -> LooksSketch:
    made = LooksSketch()
    for part in parts:
        made.add(part)
    return made


def plain(now: Floats, usual: Floats) -> float:
    """The root of the squared MMD without bias, with the sketch's kernel."""

    def kernel(a: Floats, b: Floats) -> Floats:
        return np.exp(-((a[:, None].astype(float) - b[None]) ** 2).sum(axis=2))

    def within(one: Floats) -> float:
        return float((kernel(one, one).sum() - len(one)) / (len(one) * (len(one) - 1)))

    return float(np.sqrt(max(0.0, within(now) + within(usual) - 2 * kernel(now, usual).mean())))


@pytest.mark.parametrize("towards", [2.0, 4.0, 12.0])
def test_the_discrepancy_is_that_of_all_pairs(towards: float) -> None:
    now, usual = vectors(1, 60, towards), vectors(2, 400, 0.0)
    assert sketch(now).discrepancy(sketch(usual)) == pytest.approx(plain(now, usual), abs=0.06)


def test_larger_changes_are_farther_apart_as_all_pairs_say() -> None:
    usual = vectors(0, 300, 0.0)
    changed = [vectors(seed, 100, 2.0 * seed) for seed in range(1, 6)]
    told = [sketch(now).discrepancy(sketch(usual)) for now in changed]
    assert told == sorted(told)
    exact = [maximum_mean_discrepancy(now, usual) for now in changed]
    assert exact == sorted(exact)


def test_parts_of_the_same_are_near() -> None:
    usual = sketch(vectors(0, 500, 3.0))
    assert sketch(vectors(9, 60, 3.0)).discrepancy(usual) < 0.1


def test_sketches_add_up_and_a_part_can_be_taken_away() -> None:
    first, second = vectors(1, 20, 0.0), vectors(2, 30, 4.0)
    both = sketch(first, second)
    assert both.count == sketch(first).plus(sketch(second)).count == 50
    np.testing.assert_allclose(sketch(first).plus(sketch(second)).total, both.total)
    np.testing.assert_allclose(both.plus(sketch(second), -1).total, sketch(first).total, atol=1e-9)


def test_a_sketch_survives_being_written() -> None:
    made = sketch(vectors(3, 40, 1.0))
    read = LooksSketch.from_dict(json.loads(json.dumps(made.to_dict())))
    assert read.count == 40
    np.testing.assert_allclose(read.total, made.total, rtol=1e-5)


@pytest.mark.parametrize(
    "damage",
    [
        {"count": -1}, {"count": 1.5}, {"count": 2}, {"total": ""}, {"total": "AAAA"}, {"total": "?"},
        {"total": sketch(vectors(3, 40, 1.0)).plus(LooksSketch(0, np.full(256, np.nan))).to_dict()["total"]},
    ],
)  # fmt: skip
def test_what_is_no_sketch_is_refused(damage: dict[str, object]) -> None:
    whole = sketch(vectors(3, 40, 1.0)).to_dict()
    with pytest.raises(ValueError):  # noqa: PT011 - whoever reads the file says where it is damaged
        LooksSketch.from_dict(whole | damage)


def test_one_vector_has_no_distribution() -> None:
    with pytest.raises(ValueError, match="two vectors"):
        sketch(vectors(1, 1, 0.0)).discrepancy(sketch(vectors(2, 9, 0.0)))


def test_frequencies_never_change() -> None:
    """Sketches in files would mean something else."""
    total = sketch(np.eye(4, dtype=np.float32)[:1]).total
    assert total[:3] == pytest.approx([0.315309, 0.961882, 0.874868], abs=1e-5)

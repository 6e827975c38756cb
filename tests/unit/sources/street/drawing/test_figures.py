"""People as limbs: as tall as they are, on both feet, dressed for the weather."""

from __future__ import annotations

import math

import pytest

from sightline.sources.street.drawing.figures import Limb, bent, far_walker, outfit, toward, walker

LOOKS = range(200)


def test_a_look_always_wears_the_same() -> None:
    assert outfit(5, cold=False) == outfit(5, cold=False)
    assert len({outfit(look, cold=False).top for look in LOOKS}) > 50


def test_nobody_has_bare_arms_in_the_cold() -> None:
    warm, cold = ([outfit(look, cold=is_cold) for look in LOOKS] for is_cold in (False, True))
    assert not any(one.bare_arms for one in cold)
    assert 0.3 < sum(one.bare_arms for one in warm) / len(warm) < 0.6
    assert sum(one.coat for one in cold) > sum(one.coat for one in warm)
    assert not any(one.coat and one.skirt for one in warm)


@pytest.mark.parametrize(("share", "point"), [(0.0, (1, 2, 3)), (1.0, (3, 2, 1)), (0.5, (2, 2, 2))])
def test_a_share_of_the_way(share: float, point: tuple[float, float, float]) -> None:
    assert toward((1, 2, 3), (3, 2, 1), share) == point


@pytest.mark.parametrize("bow", [1.0, -1.0])
@pytest.mark.parametrize("foot", [(0.3, 0.0, 0.1), (-0.2, 0.1, 0.2), (0.0, 0.0, 0.3)])
def test_a_knee_keeps_the_lengths_of_the_bones(
    foot: tuple[float, float, float], bow: float
) -> None:
    hip = (0.0, 0.0, 0.9)
    knee = bent(hip, foot, 0.45, 0.5, bow)
    assert math.dist(hip, knee) == pytest.approx(0.45)
    assert math.dist(knee, foot) == pytest.approx(0.5)
    straight = toward(hip, foot, math.dist(hip, knee) / math.dist(hip, foot))
    assert (knee[0] - straight[0]) * bow > 0


def test_a_leg_that_is_stretched_has_its_knee_on_the_way() -> None:
    knee = bent((0, 0, 1), (0, 0, 0), 0.4, 0.4, 1.0)
    assert knee == pytest.approx((0, 0, 0.5))


def extent(limbs: list[Limb]) -> tuple[float, float]:
    heights = [point[2] for limb in limbs for point in limb.points]
    return min(heights), max(heights)


@pytest.mark.parametrize("height", [1.1, 1.75])
def test_a_walker_is_as_tall_as_they_are_and_keeps_to_the_ground(height: float) -> None:
    for look in range(0, 200, 9):
        for phase in (0.0, 1.0, 2.0, 4.0):
            for limbs in (
                walker(outfit(look, cold=False), height, phase, 1.0, 1, True),  # type: ignore[arg-type]
                far_walker(outfit(look, cold=False), height, phase, 1.0),
            ):
                low, high = extent(limbs)
                assert -0.02 <= low < 0.15
                assert 0.85 * height < high <= 1.02 * height


def test_from_afar_a_walker_has_fewer_limbs() -> None:
    wear = outfit(3, cold=False)
    assert len(far_walker(wear, 1.7, 0.0, 1.0)) < len(walker(wear, 1.7, 0.0, 1.0, 1, True))  # type: ignore[arg-type]

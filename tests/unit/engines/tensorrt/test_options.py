"""How an engine is built: profiles that go from small to large."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.errors import ConfigError


@pytest.mark.parametrize(
    "shapes",
    [
        pytest.param([(2, 8, 8), (1, 8, 8), (4, 8, 8)], id="usual below smallest"),
        pytest.param([(1, 8, 8), (1, 8, 8), (1, 8, 7)], id="largest below usual"),
        pytest.param([(0, 8, 8), (1, 8, 8), (1, 8, 8)], id="no picture"),
    ],
)
def test_a_profile_goes_from_small_to_large(shapes: Any) -> None:
    with pytest.raises(ConfigError, match="the smallest shape comes first"):
        OptimizationProfile(*shapes)


def test_a_profile_knows_what_is_open_and_what_it_holds() -> None:
    profile = OptimizationProfile((1, 8, 16), (2, 8, 16), (4, 8, 32))
    assert profile.open == (None, 8, None)
    assert str(profile) == "1x16x8,2x16x8,4x32x8"  # pictures x width x height
    inside = [(1, 8, 16), (4, 8, 32), (3, 8, 20)]
    outside = [(0, 8, 16), (5, 8, 16), (1, 7, 16), (1, 9, 16), (1, 8, 33)]
    assert [profile.holds(shape) for shape in (*inside, *outside)] == [True] * 3 + [False] * 5


def test_facts_tell_engines_apart() -> None:
    plain = BuildOptions().facts()
    assert plain["profile"] is None
    for other in (
        BuildOptions(precision="int8"), BuildOptions(workspace_mb=1), BuildOptions(strongly_typed=True),
        BuildOptions(dla_core=0), BuildOptions(profile=OptimizationProfile((1, 8, 8), (1, 8, 8), (1, 8, 8))),
    ):  # fmt: skip
        assert other.facts() != plain
    with pytest.raises(ConfigError, match="FP16 and INT8 only"):
        BuildOptions(precision="fp32", dla_core=0)

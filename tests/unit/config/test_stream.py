"""One camera or file: what does not go together, and which models it needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config import StreamOptions
from sightline.config.options import checked
from sightline.config.stream import AdaptiveOptions, DetectionOptions, moment
from sightline.errors import ConfigError

EMBED = {"kind": "embed", "model": "m"}
COLLECT = {"folder": "hard"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(
            {"track": False, "tracker": "bytetrack"},
            "tracker: nothing is tracked with `track: false`",
            id="a tracker of nothing",
        ),
        pytest.param(
            {"track": False, "stages": [{"model": "m"}]},
            "stages: they are shown tracked objects",
            id="stages of nothing",
        ),
        pytest.param(
            {"stages": [{"model": "m"}, EMBED]},
            "stages.1: its vectors are kept in a database",
            id="vectors without a database",
        ),
        pytest.param(
            {"detect": {"regions": "motion"}, "adaptive": {"sizes": [640]}},
            "adaptive.sizes: with `detect.regions`",
            id="two ways to choose an input",
        ),
        pytest.param(
            {"adaptive": {"sizes": [640, 320, 320]}},
            "adaptive.sizes.2: sizes get smaller from one to the next, and 320 comes after 320",
            id="sizes that do not get smaller",
        ),
        pytest.param(
            {"adaptive": {"target_fps": 50, "max_fps": 5}},
            "adaptive.target_fps: 50 a second are wanted, but max_fps analyses 5 at most",
            id="more wanted than allowed",
        ),
        pytest.param(
            {"live": {"backoff_first_s": 60}},
            "live.backoff_first_s: the first wait is 60 s, and backoff_max_s, the longest, is 2 s",
            id="waits that shrink",
        ),
        pytest.param(
            {"stages": [{"model": "m", "only_in": [[0, 0], [1, 1], [1, 0], [0, 1]]}]},
            "stages.0.only_in: its sides (0, 0)–(1, 1) and (1, 0)–(0, 1) cross",
            id="a polygon that crosses itself",
        ),
        pytest.param(
            {"estimate": {}, "adaptive": {"sizes": [640]}},
            "estimate: it is of whole pictures at one size",
            id="an estimate of several sizes",
        ),
        pytest.param(
            {"min_fps": 10, "adaptive": {"max_fps": 5}},
            "min_fps: 10 a second are kept for it, but adaptive.max_fps analyses 5 at most",
            id="rates the wrong way round",
        ),
        pytest.param(
            {"collect": {**COLLECT, "kinds": ["rare", "drifted"]}},
            "collect.kinds.1: drifted: it needs `drift`",
            id="drift that nobody watches for",
        ),
        pytest.param(
            {"track": False, "collect": {**COLLECT, "kinds": ["flickering"]}},
            "collect.kinds.0: flickering: nothing is tracked",
            id="flickering without ids",
        ),
        pytest.param({"source": " "}, "source: give a file, an address", id="a blank source"),
        pytest.param({"source": True}, "source: it must be text, not True", id="a truth as source"),
        pytest.param({"start": "2026-11-28T08:00"}, "start: ", id="a moment without its zone"),
    ],
)
def test_what_does_not_go_together(values: dict[str, Any], message: str) -> None:
    assert refusal(StreamOptions, **{"source": "a", **values}).startswith(message)


def test_a_camera_number_is_a_source() -> None:
    assert checked(StreamOptions, source=0).source == "0"


def test_a_moment_knows_its_zone() -> None:
    made = checked(StreamOptions, source="a", start="2026-11-28T09:00:00+01:00")
    assert made.start == datetime(2026, 11, 28, 8, tzinfo=UTC)
    assert moment("--since", "2026-11-28T08:00:00Z") == made.start
    with pytest.raises(ConfigError, match=r"^--since: .*, not 'yesterday'$"):
        moment("--since", "yesterday")


def test_further_models_are_told_with_their_places() -> None:
    made = checked(
        StreamOptions,
        source="a",
        stages=[{"model": "colours"}, {"kind": "detect", "model": "plates"}],
        tracker={"kind": "deepsort", "embedder": "looks"},
        collect={**COLLECT, "embedder": "views"},
        estimate={"reference": "large"},
    )
    assert made.further_models == [
        (("stages", 0, "model"), "colours"),
        (("stages", 1, "model"), "plates"),
        (("tracker", "embedder"), "looks"),
        (("collect", "embedder"), "views"),
        (("estimate", "reference"), "large"),
    ]
    assert checked(StreamOptions, source="a").further_models == []


def test_a_refresh_needs_regions() -> None:
    assert checked(DetectionOptions, regions="motion", refresh_s=3).refresh_s == 3
    assert refusal(DetectionOptions, refresh_s=3).startswith(
        "refresh_s: it needs `regions: motion`"
    )


def test_sizes_are_multiples_of_the_stride() -> None:
    assert (
        refusal(AdaptiveOptions, sizes=[640, 330])
        == "sizes.1: it must be a multiple of 32, not 330"
    )

"""The promise of a number of cameras, on made-up machines."""

from __future__ import annotations

import math

import pytest

from sightline.optimize.tuning.cameras import MORE, bottleneck, promise_cameras
from sightline.runtime.capacity import FleetLoad
from sightline.runtime.measure import Stages


def load(streams: int, seconds: float, *, fits: bool) -> FleetLoad:
    return FleetLoad(
        streams, seconds, 5.0 * streams, 5.0 if fits else 3.0, 10.0, 40.0 if fits else 300.0,
        {"stale": 3}, 2.0, 1.5, 0,
    )  # fmt: skip


class MadeUp:
    """Holds so many cameras for long, perhaps more for a short time; a moment's trouble passes."""

    def __init__(self, holds: int, shortly: int = 0, trouble: int = 0) -> None:
        self.holds, self.shortly, self.trouble = holds, max(holds, shortly), trouble
        self.ran: list[tuple[int, float]] = []

    def __call__(self, count: int, seconds: float) -> FleetLoad:
        self.ran.append((count, seconds))
        if len(self.ran) == self.trouble:
            return load(count, seconds, fits=False)
        most = self.shortly if seconds < 60 else self.holds
        return load(count, seconds, fits=count <= most)


@pytest.mark.parametrize("holds", [1, 2, 5, 12, 40, 100])
@pytest.mark.parametrize("start", [1, 20])
@pytest.mark.parametrize("trouble", [0, 1, 2])
def test_the_number_was_run_and_a_fifth_more_does_not_hold(
    holds: int, start: int, trouble: int
) -> None:
    machine = MadeUp(holds, trouble=trouble)
    found = promise_cameras(machine, 5, 100, 8, 60, 1024, start)
    assert found.settled
    assert found.cameras <= holds < math.ceil(MORE * found.cameras)
    assert (found.cameras, 60) in machine.ran
    assert found.load is not None
    assert found.load.streams == found.cameras
    assert found.more is not None
    assert not found.more.holds(5, 100)


def test_what_holds_for_a_short_time_only_is_not_promised() -> None:
    found = promise_cameras(MadeUp(10, shortly=16), 5, 100, 8, 60, 1024)
    assert 9 <= found.cameras <= 10


def test_not_even_one() -> None:
    none = promise_cameras(MadeUp(0), 5, 100, 8, 60, 1024, start=16)
    assert (none.cameras, none.load) == (0, None)
    assert none.more is not None
    assert none.more.streams == 1
    found = promise_cameras(MadeUp(0, shortly=3), 5, 100, 8, 60, 1024)
    assert (found.cameras, found.load) == (0, None)
    assert found.more is not None


def test_no_more_than_the_limit() -> None:
    found = promise_cameras(MadeUp(1000), 5, 100, 8, 60, 50)
    assert (found.cameras, found.more) == (50, None)


def test_a_machine_that_is_never_the_same_is_called_uneven() -> None:
    def rising(count: int, seconds: float) -> FleetLoad:
        return load(count, seconds, fits=seconds == 60 or count == 1)

    assert not promise_cameras(rising, 5, 100, 8, 60, 1024).settled


def stages(**ms: float) -> Stages:
    return Stages({name: [value] for name, value in ms.items()})


def test_the_bottleneck_is_what_takes_most_of_the_processor() -> None:
    ms = stages(decode=4.0, preprocess=0.5, infer=10.0, postprocess=0.5, track=0.2)
    fleet = load(10, 60, fits=True)
    # Decoding takes 100 ms of each second of a camera; inference 5 pictures' time on all cores.
    assert bottleneck(ms, 25, fleet, pictures_per_s=10_000, on_processor=True).part == "decoding"
    heavy = bottleneck(ms, 25, fleet, pictures_per_s=20, on_processor=True)
    assert heavy.part == "inference"
    assert sum(heavy.shares.values()) == pytest.approx(1)
    assert "decoding" in str(heavy)


def test_on_another_device_inference_is_the_bottleneck_where_it_is_busier_than_the_processor() -> (
    None
):
    ms = stages(decode=4.0, preprocess=0.5, infer=10.0, postprocess=0.5, track=0.2)
    fleet = load(10, 60, fits=True)
    assert bottleneck(ms, 25, fleet, pictures_per_s=50, on_processor=False).part == "inference"
    assert bottleneck(ms, 25, fleet, pictures_per_s=5000, on_processor=False).part == "decoding"

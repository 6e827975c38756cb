"""How decoding is shared: levels, and cameras beyond what can be analysed, in simulated time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from tests.simulated_queue import Simulation, Told

from sightline.runtime.scheduling.items import Terms
from sightline.runtime.streams.cpu_limiter import CpuLimiter
from sightline.runtime.streams.decoding import Decoding
from sightline.runtime.streams.decoding_budget import DecodingBudget, DecodingCounts, fair_level

FPS = 5.0
GROUP = 25
COST_S = 0.04
PARALLEL = 2
CAPACITY = PARALLEL / COST_S
DECODING_S = 0.006
SETTLE_S = 15.0
SECONDS = 45.0


@pytest.mark.parametrize(
    ("total", "demands", "level"),
    [
        pytest.param(10.0, [(5.0, 1.0), (5.0, 1.0)], math.inf, id="enough"),
        pytest.param(6.0, [(5.0, 1.0), (5.0, 1.0)], 3.0, id="shared evenly"),
        pytest.param(9.0, [(1.0, 1.0), (25.0, 1.0), (25.0, 1.0)], 4.0, id="one wants little"),
        pytest.param(8.0, [(9.0, 3.0), (9.0, 1.0)], 2.0, id="weights"),
        pytest.param(0.0, [(9.0, 1.0)], 0.0, id="nothing"),
        pytest.param(1.0, [], math.inf, id="nobody"),
    ],
)
def test_the_level_leaves_to_others_what_a_stream_does_not_want(
    total: float, demands: list[tuple[float, float]], level: float
) -> None:
    assert fair_level(total, demands) == pytest.approx(level)


@dataclass
class Camera:
    """What became of one camera after the others had settled."""

    decoding: Decoding
    told: Told
    decoded: int = 0
    decoded_before: int = 0

    @property
    def analyzed(self) -> int:
        return sum(at > SETTLE_S for at in self.told.answered_at)

    def counts(self) -> DecodingCounts:
        lost = len(self.told.dropped) + self.told.refused
        return DecodingCounts(self.decoded, len(self.told.answered), lost)


class Cameras:
    """Cameras with groups of pictures in front of one queue.

    Args:
        count: of cameras.
        decoding_s: processor time for each frame; the machine has two cores.
        weights: of the first cameras; the others have 1.
    """

    def __init__(
        self, count: int, decoding_s: float = DECODING_S, weights: tuple[float, ...] = ()
    ) -> None:
        draw = Random(count)
        self.simulation = simulation = Simulation(
            lambda n: COST_S * n, requests=PARALLEL, parallel=PARALLEL
        )
        limiter = CpuLimiter()
        limiter.cores = 2
        self.budget = DecodingBudget(
            limiter, lambda: simulation.speed.busy(simulation.now), lambda: simulation.now
        )
        self._decoding_s = decoding_s
        self.all: list[Camera] = []
        for number in range(count):
            weight = weights[number] if number < len(weights) else 1.0
            told = simulation.told.setdefault(f"{number}", Told())
            camera = Camera(Decoding(self.budget, weight), told)
            camera.decoding.counts = camera.counts
            terms = Terms(f"{number}", weight=weight, live=True, max_age_s=1.0)
            self._film(camera, terms, draw.random() / FPS, draw.randrange(GROUP))
            self.all.append(camera)

    def run(self) -> None:
        self.simulation.run(SETTLE_S)
        for camera in self.all:
            camera.decoded_before = camera.decoded
        self.simulation.run(SECONDS)

    def _film(self, camera: Camera, terms: Terms, phase: float, first: int) -> None:
        for number in range(int((SECONDS - phase) * FPS)):
            key = number == 0 or (number + first) % GROUP == 0
            self.simulation._at(
                phase + number / FPS,
                lambda key=key, at=number / FPS: self._packet(camera, terms, key, at),  # type: ignore[misc]
            )

    def _packet(self, camera: Camera, terms: Terms, key: bool, at: float) -> None:
        if not camera.decoding.admits(key, at):
            return
        camera.decoded += 1
        camera.decoding.load.used_s += self._decoding_s
        own = Terms(
            terms.client, weight=terms.weight, live=True, max_age_s=1.0,
            interval_s=camera.decoding.interval_s,
        )  # fmt: skip
        self.simulation._push(own, camera.told)

    def ages_ms(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return 1e3 * np.array(
            [
                age
                for camera in self.all
                for age, at in zip(camera.told.answered, camera.told.answered_at, strict=True)
                if at > SETTLE_S
            ]
        )


@pytest.mark.parametrize("times", [2.0, 4.0])
def test_little_more_is_decoded_than_analysed_and_each_stream_has_its_share(times: float) -> None:
    cameras = Cameras(round(times * CAPACITY / FPS))
    cameras.run()
    analyzed = [camera.analyzed for camera in cameras.all]
    decoded = sum(camera.decoded - camera.decoded_before for camera in cameras.all)
    assert sum(analyzed) >= 0.9 * CAPACITY * (SECONDS - SETTLE_S)
    assert decoded <= 0.8 * times * sum(analyzed)
    assert decoded <= 2.0 * sum(analyzed)
    assert min(analyzed) >= 0.8 * np.mean(analyzed)
    # A frame whose successor is not decoded does not wait for it.
    assert np.percentile(cameras.ages_ms(), 99) <= 1e3 / FPS + 2e3 * COST_S


def test_nothing_is_left_out_where_decoding_takes_little() -> None:
    cameras = Cameras(20, decoding_s=0.0015)
    cameras.run()
    assert all(camera.decoding.share == 1.0 for camera in cameras.all)
    decoded = sum(camera.decoded - camera.decoded_before for camera in cameras.all)
    assert decoded == pytest.approx(20 * FPS * (SECONDS - SETTLE_S), rel=0.01)


def test_nothing_is_left_out_while_the_machine_keeps_up() -> None:
    cameras = Cameras(8, decoding_s=0.05)
    cameras.run()
    assert all(camera.decoding.share == 1.0 for camera in cameras.all)


def test_weights_are_kept() -> None:
    cameras = Cameras(30, weights=(3.0,) * 5)
    cameras.run()
    analyzed = [camera.analyzed for camera in cameras.all]
    assert np.mean(analyzed[:5]) / np.mean(analyzed[5:]) == pytest.approx(3.0, rel=0.25)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def a_stream(budget: DecodingBudget, min_fps: float = 0.0) -> Decoding:
    decoding = Decoding(budget, min_fps=min_fps)
    decoding.load.interval_s = 1 / 25
    return decoding


def test_decoders_that_are_always_late_decode_less_and_come_back() -> None:
    """All frames are decoded too late, so none is analysed: nobody but the reader can notice."""
    clock, limiter = Clock(), CpuLimiter()
    budget = DecodingBudget(limiter, lambda: 0.0, clock)
    decoding = a_stream(budget)
    decoded = analyzed = late = 0.0
    shares = []
    for second in range(40):
        clock.now += 1.0
        taken = 25 * decoding.share
        on_time = min(taken, 5.0) if second < 20 else taken
        if taken > 10 and second < 20:
            on_time = 0.0
        decoded, analyzed, late = decoded + taken, analyzed + on_time, late + taken - on_time
        decoding.load.used_s += 0.04 * taken
        counts = DecodingCounts(int(decoded), int(analyzed), int(late), int(late))
        budget.judge(decoding.load, counts)
        shares.append(decoding.share)
    assert 0.0 < min(shares[:20]) < 0.4
    assert shares[-1] == 1.0


def test_a_minimum_rate_is_decoded_in_any_case() -> None:
    clock, limiter = Clock(), CpuLimiter()
    limiter.cores = 1
    budget = DecodingBudget(limiter, lambda: clock.now, clock)
    streams = [a_stream(budget, 10.0), *(a_stream(budget) for _ in range(9))]
    for second in range(1, 20):
        clock.now += 1.0
        for stream in streams:
            stream.load.used_s += 0.2
            counts = DecodingCounts(25 * second, 2 * second, 23 * second)
            budget.judge(stream.load, counts)
    assert streams[0].share >= 10 / 25
    assert streams[1].share < 0.3


def test_a_stream_that_has_ended_is_not_counted_on() -> None:
    clock = Clock()
    budget = DecodingBudget(CpuLimiter(), lambda: 0.0, clock)
    ended, going = a_stream(budget), a_stream(budget)
    for second in range(1, 12):
        clock.now += 1.0
        if second < 3:
            budget.judge(ended.load, DecodingCounts(second, second))
        budget.judge(going.load, DecodingCounts(second, second))
    assert list(budget._loads) == [going.load]

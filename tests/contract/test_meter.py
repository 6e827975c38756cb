"""What every meter must do: count what it is told, from any thread, and never stand in the way."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable

import numpy as np
import pytest

from sightline.monitoring.metrics import PrometheusMeter
from sightline.protocols import Meter
from sightline.runtime.processes.shard import Relay, play
from sightline.types import Detections

Counted = Callable[[], str]


def direct() -> tuple[Meter, Counted]:
    meter = PrometheusMeter()
    return meter, lambda: meter.render().decode()


def relayed() -> tuple[Meter, Counted]:
    """Told in another process: what a relay keeps is pickled and played again."""
    relay, meter = Relay(), PrometheusMeter()

    def counted() -> str:
        play(pickle.loads(pickle.dumps(relay.take())), meter)
        return meter.render().decode()

    return relay, counted


every_meter = pytest.mark.parametrize("make", [direct, relayed])
Make = Callable[[], tuple[Meter, Counted]]


def objects(count: int, **fields: object) -> Detections:
    return Detections(
        np.zeros((count, 4), np.float32),
        np.ones(count, np.float32),
        np.arange(count, dtype=np.int64) % 2,
        class_names=("person", "car"),
        **fields,  # type: ignore[arg-type]
    )


def tell(meter: Meter) -> None:
    meter.inferred("street", 4, 0.02, None)
    meter.inferred("street", 2, 0.02, "InferenceError")
    meter.queued("street", "urgent", 0.001)
    meter.refused("street", "batch", "stale")
    meter.detected("gate", objects(3))


def lines(text: str, *words: str) -> list[float]:
    """The values of the samples whose line has all words."""
    return [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#") and all(word in line for word in words)
    ]


@every_meter
def test_everything_that_is_told_is_counted_once(make: Make) -> None:
    meter, counted = make()
    tell(meter)
    text = counted()
    assert lines(text, "sightline_inferences_total", 'status="ok"') == [4]
    assert lines(text, "sightline_inferences_total", 'status="InferenceError"') == [2]
    assert lines(text, "queue", "_count", 'model="street"', "urgent") == [1]
    assert lines(text, "stale", 'model="street"', "batch") == [1]
    assert lines(text, "sightline_detections_total", 'class="person"') == [2]
    assert lines(text, "sightline_detections_total", 'class="car"') == [1]
    assert counted() is not None
    assert lines(counted(), "sightline_detections_total", 'class="person"') == [2]


@every_meter
def test_a_frame_without_objects_is_no_detection(make: Make) -> None:
    meter, counted = make()
    meter.detected("gate", Detections.empty(("person",)))
    assert lines(counted(), "sightline_detections_total") == []


@every_meter
def test_many_threads_lose_nothing(make: Make) -> None:
    meter, counted = make()

    def work() -> None:
        for _ in range(200):
            meter.detected("gate", objects(1))
            meter.queued("street", "normal", 0.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    text = counted()
    assert lines(text, "sightline_detections_total") == [800]
    assert lines(text, "queue", "_count", "normal") == [800]


def test_a_relay_sends_no_pixels_of_objects() -> None:
    """What is counted of a frame are its classes: masks of 4K pictures do not go through a pipe."""
    relay = Relay()
    masks = np.zeros((4, 2160, 3840), np.bool_)
    masks[:, 100:1100, 100:1100] = True
    relay.detected("gate", objects(4, masks=masks, embeddings=np.zeros((4, 512), np.float32)))
    assert len(pickle.dumps(relay.take())) < 5000

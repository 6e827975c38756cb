"""What a meter is told of an engine's batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sightline.engines.metered import Metered
from sightline.errors import InferenceError
from sightline.types import Floats, Pixels


class Meter:
    def __init__(self) -> None:
        self.told: list[tuple[str, int, str | None]] = []
        self.seconds: list[float] = []

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        self.told.append((model, batch, error))
        self.seconds.append(seconds)


@pytest.fixture
def meter() -> Meter:
    return Meter()


def slowly(what: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def slow(argument: Any) -> Any:
        time.sleep(0.05)
        return what(argument)

    return slow


def fail(_: object) -> Any:
    raise InferenceError("no")


def broken(_: object) -> Any:
    raise LookupError("the caller's")


def test_each_batch_is_counted_once_with_the_time_of_the_inference_alone(
    stand_in: Any, meter: Meter
) -> None:
    engine = Metered(stand_in(), "street", meter)
    engine.engine.infer = slowly(engine.engine.infer)
    engine.submit((3, 2, 2), lambda _: time.sleep(0.3), lambda _: time.sleep(0.3)).result(20)
    assert meter.told == [("street", 3, None)]
    assert 0.05 <= meter.seconds[0] < 0.3
    assert engine.info is not None
    engine.close()
    assert engine.engine.closed == 1


def test_a_failure_is_counted_by_the_name_of_its_error(stand_in: Any, meter: Meter) -> None:
    engine = Metered(stand_in(), "street", meter)
    engine.engine.infer = slowly(fail)
    future = engine.submit((2, 2, 2), lambda _: None, list)
    assert isinstance(future.exception(20), InferenceError)
    engine.close()
    assert meter.told == [("street", 2, "InferenceError")]
    assert meter.seconds[0] >= 0.05


@pytest.mark.parametrize(
    ("fill", "read", "told"),
    [
        pytest.param(broken, list, [], id="fill: nothing was run"),
        pytest.param(lambda _: None, broken, [("street", 1, None)], id="read: it was run well"),
    ],
)
def test_the_caller_s_failures_are_not_the_engine_s(
    stand_in: Any,
    meter: Meter,
    fill: Callable[[Pixels], None],
    read: Callable[[Sequence[Floats]], Any],
    told: list[Any],
) -> None:
    engine = Metered(stand_in(), "street", meter)
    assert isinstance(engine.submit((1, 2, 2), fill, read).exception(20), LookupError)
    engine.close()
    assert meter.told == told


def test_a_cancelled_batch_is_not_counted(stand_in: Any, meter: Meter, caller: Any) -> None:
    engine = Metered(stand_in(), "street", meter)
    go = threading.Event()
    first = engine.submit((1, 2, 2), lambda _: go.wait(20) and None, list)
    second = caller.submit(engine, 2)
    assert second.cancel()
    go.set()
    first.result(20)
    engine.close()
    assert len(meter.told) == 1

"""What a process's meter is told, told again elsewhere."""

from __future__ import annotations

import pickle
from unittest.mock import Mock, call

from sightline.protocols import Meter
from sightline.runtime.processes.shard import Relay, play
from sightline.types import Detections


def test_another_meter_hears_the_same_in_the_same_order() -> None:
    relay, told = Relay(), Mock(spec=Meter)
    nothing = Detections.empty(("car",))
    relay.queued("m", "normal", 0.01)
    relay.inferred("m", 2, 0.02, None)
    relay.detected("s", nothing)
    relay.refused("m", "batch", "stale")
    play(pickle.loads(pickle.dumps(relay.take())), told)
    assert [name for name, _, _ in told.mock_calls] == ["queued", "inferred", "detected", "refused"]
    assert told.mock_calls[1] == call.inferred("m", 2, 0.02, None)
    assert told.mock_calls[2].args[1].class_names == ("car",)
    assert relay.take() == []

"""How a runtime runs a model: devices."""

from __future__ import annotations

import pytest
from tests.unit.config.refused import refusal

from sightline.config import EngineOptions, ReplicaOptions
from sightline.config.options import checked


@pytest.mark.parametrize(
    ("given", "device"),
    [
        ("cuda", "cuda"),
        ("CUDA", "cuda"),
        ("cuda:1", "cuda:1"),
        ("CUDA:1", "cuda:1"),
        ("Cpu", "cpu"),
        ("GPU.1", "GPU.1"),  # OpenVINO's own name
    ],
)
def test_capitals_of_known_devices_do_not_matter(given: str, device: str) -> None:
    assert checked(EngineOptions, device=given).device == device
    assert checked(ReplicaOptions, devices=[given, "cpu"]).devices == (device, "cpu")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        pytest.param(0, "device: a number alone is no device: the first GPU is cuda:0", id="0"),
        pytest.param("1", "device: a number alone is no device", id="text of a number"),
        pytest.param("0,1", "device: a number alone is no device", id="several numbers"),
        pytest.param("cuda:", "device: behind the colon stands the device's number", id="colon"),
        pytest.param("cuda:one", "device: behind the colon stands", id="a word"),
        pytest.param("cuda:-1", "device: behind the colon stands", id="a negative number"),
        pytest.param("cuda:²", "device: behind the colon stands", id="no digit of ours"),
        pytest.param(True, "device: it must be text, not True", id="a truth"),
    ],
)
def test_what_is_no_device(device: object, message: str) -> None:
    assert refusal(EngineOptions, device=device).startswith(message)
    assert message.removeprefix("device: ") in refusal(ReplicaOptions, devices=[device])

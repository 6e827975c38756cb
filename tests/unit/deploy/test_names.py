"""What may stand in a server's paths and configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.deploy.names import output_names, server_host, server_word
from sightline.deploy.torchserve import TorchServeOptions
from sightline.deploy.triton.repository import TritonOptions
from sightline.errors import ConfigError

HOSTILE = ["../x", "a b", "", ".", "..", "-a", "a/b", 'a"b', "a\nb", "/tmp/x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_leads_to_no_other_place(name: str) -> None:
    with pytest.raises(ConfigError, match="--name"):
        TritonOptions(name=name)
    with pytest.raises(ConfigError, match="--name"):
        TorchServeOptions(name=name)
    with pytest.raises(ConfigError, match="--model-version"):
        TorchServeOptions(name="it", version=name)


def test_usual_names_stay_as_they_are() -> None:
    assert [server_word("--name", n) for n in ("yolox_nano", "yolov8n.v2-int8", "_1")] == [
        "yolox_nano",
        "yolov8n.v2-int8",
        "_1",
    ]


def test_a_host_adds_no_line_to_the_configuration(tmp_path: Path) -> None:
    for host in ("x y", "a\nb=1", "", "http://x"):
        with pytest.raises(ConfigError, match="--host"):
            TorchServeOptions(name="it", host=host)
    assert [server_host("--host", h) for h in ("::1", "[::1]", "0.0.0.0", "a.example")] == [
        "[::1]",
        "[::1]",
        "0.0.0.0",
        "a.example",
    ]


def test_probabilities_are_called_by_their_attribute() -> None:
    assert output_names(["class", "body type", "body-type"]) == [
        "class_probabilities",
        "body_type_probabilities",
        "body_type_probabilities_2",
    ]

"""Archives for TorchServe: what is in them, and their configuration."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sightline.build.toolchain.servers import deploy_torchserve
from sightline.config import ModelOptions
from sightline.deploy.torchserve import TorchServeOptions
from sightline.errors import ConfigError

MakeModel = Callable[..., Path]


def test_an_archive_holds_the_model_its_card_and_a_handler(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    model = ModelOptions(model=str(pyramid_model(6, transposed=True, name="mine")))
    options = TorchServeOptions(
        name="it", version="2.1", batch=4, workers=3, port=9000, host="0.0.0.0"
    )
    archive, configuration = deploy_torchserve(model, tmp_path / "out", options)
    with zipfile.ZipFile(archive) as file:
        manifest = json.loads(file.read("MAR-INF/MANIFEST.json"))["model"]
        card = yaml.safe_load(file.read("model.yaml"))
        assert set(file.namelist()) >= {manifest["handler"], "model.onnx"}
    assert (manifest["modelName"], manifest["modelVersion"]) == ("it", "2.1")
    assert (card["decoder"], card["history"][0]["source"]) == ("yolov8", "mine.onnx")
    lines = configuration.read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert said["inference_address"] == "http://0.0.0.0:9000"
    assert said["disable_token_authorization"] == "false"
    assert said["management_address"] == "http://127.0.0.1:9001"
    how = json.loads(said["models"])["it"]["2.1"]
    assert (how["batchSize"], how["maxWorkers"], how["marName"]) == (4, 3, "it.mar")
    with pytest.raises(ConfigError, match=r"it\.mar is there already"):
        deploy_torchserve(model, tmp_path / "out", options)

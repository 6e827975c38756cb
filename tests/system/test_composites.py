"""Tiles and ensembles as users have them: on the command line, in a configuration, and over HTTP."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

import sightline as sl
from sightline.build.application import Application
from sightline.cli.main import app
from sightline.config import TiledModelOptions
from sightline.config import file as config_file
from sightline.errors import ConfigError
from sightline.serving.http.app import create_app
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import router

STREET = "street://?seed=10007&duration=1&fps=2&width=1280&height=720"


def lines(file: Path) -> list[int]:
    """How many objects each frame has."""
    return [len(json.loads(line)["objects"]) for line in file.read_text().splitlines()]


def test_tiles_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They find more, and a saved configuration does the same."""
    monkeypatch.chdir(tmp_path)
    common = ["track", STREET, "-m", "street", "--quiet"]
    for more in (
        ["--json=plain.jsonl"],
        ["--json=tiled.jsonl", "--smallest=16", "--save-config=c.yaml"],
    ):
        done = CliRunner().invoke(app, [*common, *more])
        assert done.exit_code == 0, done.output
    assert sum(lines(tmp_path / "tiled.jsonl")) > sum(lines(tmp_path / "plain.jsonl"))
    (model,) = config_file.read(tmp_path / "c.yaml", {}).configuration.models.values()
    assert isinstance(model, TiledModelOptions)
    assert model.smallest == 16


SITE = """
models:
  nano: {model: nano.onnx, conf: 0.3, backend: onnxruntime, warm_up: false}
  far: {kind: tiles, model: nano.onnx, backend: onnxruntime, warm_up: false, smallest: 30}
  both: {kind: ensemble, of: [nano, {model: nano.onnx, size: 320, backend: onnxruntime}], warm_up: false, votes: 2}
serving: {port: 8000}
"""

JPEG = {"Content-Type": "image/jpeg"}


def test_a_service_has_both(tmp_path: Path, data: Path) -> None:
    shutil.copy(data / "models" / "yolox_nano.onnx", tmp_path / "nano.onnx")
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    found = config_file.read(file, {})
    assert [one.conf for one in found.configuration.models["both"].files] == [0.3, None]
    picture = (data / "images" / "bus.jpg").read_bytes()
    site = Application(found.configuration)
    site.open()
    serving = found.configuration.serving
    assert serving is not None
    routes = router(OpenInference(site.repository, serving.limits))
    app = create_app(site.repository, site.scheduler, None, serving, routers=[routes])
    with closing(site), TestClient(app, base_url="http://127.0.0.1", headers=JPEG) as client:
        for name in ("far", "both"):
            answer = client.post(f"/detect?model={name}", content=picture)
            assert answer.status_code == 200, answer.text
            classes = [one["class"] for one in answer.json()["objects"]]
            assert {"bus", "person"} <= set(classes)
            told = client.get(f"/models/{name}").json()
            assert (told["state"], told["task"]) == ("ready", "detect")
            assert len(told["parts"]) == (2 if name == "both" else 1)
            few = client.post(f"/detect?model={name}&conf=0.7&classes=bus", content=picture).json()
            assert [one["class"] for one in few["objects"]] == ["bus"]
        assert client.get("/v2/models/both.detect").json()["name"] == "both.detect"
        refused = client.get("/v2/models/both")
        assert refused.status_code == 404
        assert "both.detect" in refused.json()["error"]
        assert client.post("/models/both/load").status_code == 200
        assert client.post("/models/both/unload").status_code == 200
        assert client.post("/detect?model=both", content=picture).status_code == 404


@pytest.mark.parametrize(
    ("models", "wrong"),
    [
        pytest.param("{kind: tile, model: a}", "cannot be tile; did you mean tiles", id="kind"),
        pytest.param("{kind: ensemble, of: [a]}", "of: wants 2 or more, not 1", id="one"),
        pytest.param("{kind: ensemble, of: [a, b], votes: 3}", "votes: 3: there are 2", id="votes"),
        pytest.param(
            "{kind: tiles, model: a, overlap: 2}", "overlap: must be less than", id="overlap"
        ),
        pytest.param("{kind: tiles, model: a, tile: 3}", "tile: a tile has 16 pixels", id="tile"),
        pytest.param(
            "{kind: tiles, model: a, tile: [640]}", "tile: give 640, or 640x384", id="half a size"
        ),
        pytest.param("{model: a, overlap: 0.2}", "there is no such key", id="tiles without a kind"),
    ],
)
def test_mistakes_in_a_configuration(models: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong) as caught:
        config_file.parse(f"models:\n  m: {models}\n", Path("c.yaml"), {})
    assert "c.yaml:2:" in str(caught.value)


def test_a_part_of_an_ensemble_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("models:\n  m: {kind: ensemble, of: [street, strete]}\n")
    done = CliRunner().invoke(app, ["config", "check", str(file)])
    assert isinstance(done.exception, ConfigError)
    assert "strete" in str(done.exception)
    assert "did you mean" in str(done.exception)


def test_in_python_models_stay_whose_they_are(data: Path) -> None:
    bus = data / "images" / "bus.jpg"
    with sl.load(data / "models" / "yolox_nano.onnx", backend="onnxruntime") as model:
        with sl.Tiled(model, smallest=30) as tiled, sl.Ensemble([model, model]) as both:
            assert {"bus", "person"} <= {one["class"] for one in tiled.detect(bus).to_dict()}
            fused = both.detect(bus)
        alone = model.detect(bus)  # it was not closed
    assert np.allclose(fused.boxes, alone.boxes, atol=0.01)
    assert np.allclose(fused.scores, alone.scores, atol=1e-5)


def test_a_service_in_the_process_shares_their_engines(data: Path) -> None:
    bus = data / "images" / "bus.jpg"
    model = sl.Tiled(data / "models" / "yolox_nano.onnx", smallest=30)
    alone = model.detect(bus)
    with model, sl.Service(model) as service:
        found = service.predict_sync(bus)
    assert len(found) == len(alone)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        pytest.param({"weights": ["heavy", 1]}, "weight: it must be a number", id="no number"),
        pytest.param({"weights": [float("inf"), 1]}, "weight: ", id="without end"),
        pytest.param({"weights": [0, 1]}, "weight: ", id="nothing"),
        pytest.param({"weights": [1]}, "1 weights for 2 models", id="too few"),
        pytest.param({"class_maps": [{"car": 5}, None]}, "class_map", id="a class of no name"),
    ],
)
def test_odd_members(options: dict[str, Any], wrong: str, data: Path) -> None:
    nano = data / "models" / "yolox_nano.onnx"
    with (
        sl.load(nano, backend="onnxruntime") as model,
        pytest.raises(ConfigError, match=wrong),
    ):
        sl.Ensemble([model, model], **options)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ("detect: {regions: motion}", "detect.regions"),
        ("adaptive: {sizes: [640, 320]}", "adaptive.sizes"),
    ],
)
@pytest.mark.parametrize(
    "kind", ["kind: tiles, model: street", "kind: ensemble, of: [{model: street}, {model: street}]"]
)
def test_a_model_made_of_others_has_no_one_input(
    tmp_path: Path, kind: str, options: str, key: str
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        f"models: {{default: {{{kind}}}}}\nstreams: {{yard: {{source: 'street://', {options}}}}}\n"
    )
    with pytest.raises(ConfigError, match=rf"yard\.{key}: default is of kind"):
        config_file.read(file, {})

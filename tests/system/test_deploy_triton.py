"""A model repository that was written is served by a real Triton, and answers as the model does here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.command import in_process
from tests.triton_repository import Serving, serving

import sightline
from sightline import build
from sightline.config import ModelOptions
from sightline.geometry import whole_box
from sightline.sources.stills import still_frame
from sightline.tables import BUNDLED
from sightline.types import Floats

pytest_plugins = ("tests.onnx_models",)


@pytest.fixture(scope="module")
def server(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Serving, dict[str, Path]]]:
    """Triton with a repository of detectors, a classifier and an embedder, just as the command wrote it."""
    from typer.testing import CliRunner

    from sightline.cli.main import app

    folder = tmp_path_factory.mktemp("deployed")
    bundled = ("street", "street-attributes", "street-embedder")
    models = {"yolox_nano": data / "models" / "yolox_nano.onnx"}
    models |= {name: BUNDLED / f"{name}.onnx" for name in bundled}
    for path in models.values():
        arguments = ["deploy", "triton", str(path), "--output", str(folder / "models"), "--backend", "python", "--delay-ms", "50"]  # fmt: skip
        if path.parent == BUNDLED:  # each instance is a process that has to start
            arguments += ["--instances", "1,1"]
        assert CliRunner().invoke(app, arguments).exit_code == 0
    with serving(folder / "models", folder) as found:
        yield found, models


@pytest.fixture
def client(server: Any) -> Iterator[Any]:
    grpc = pytest.importorskip("tritonclient.grpc")
    with grpc.InferenceServerClient(f"127.0.0.1:{server[0].grpc}") as found:
        yield found


def ask(client: Any, model: str, picture: bytes, boxes: Floats | None = None) -> Any:
    import tritonclient.grpc

    given = [tritonclient.grpc.InferInput("image", [1], "BYTES")]
    given[0].set_data_from_numpy(np.array([picture], dtype=np.object_))
    if boxes is not None:
        given.append(tritonclient.grpc.InferInput("boxes", boxes.shape, "FP32"))
        given[1].set_data_from_numpy(boxes)
    return client.infer(model, given)


@pytest.mark.parametrize("name", ["yolox_nano", "street"])
def test_a_picture_gets_the_boxes_that_it_gets_here(
    server: Any, client: Any, data: Path, name: str
) -> None:
    picture = data / "images" / "bus.jpg"
    with sightline.load(server[1][name], backend="onnxruntime") as model:
        expected = model.detect(picture)
    got = ask(client, name, picture.read_bytes())
    assert got.as_numpy("boxes").shape == expected.boxes.shape
    assert np.abs(got.as_numpy("boxes") - expected.boxes).max(initial=0) < 1e-3
    assert np.abs(got.as_numpy("scores") - expected.scores).max(initial=0) < 1e-3
    assert got.as_numpy("class_ids").tolist() == expected.class_ids.tolist()
    assert json.loads(got.as_numpy("objects")[0]) == expected.to_dict()
    if name == "yolox_nano":
        assert len(expected) == 5


def test_boxes_get_the_names_and_vectors_that_they_get_here(client: Any, data: Path) -> None:
    """More of them than Triton joins."""
    content = (data / "images" / "bus.jpg").read_bytes()
    frame = still_frame(content)
    boxes = np.array([[40 * n, 300, 40 * n + 200, 800] for n in range(11)], np.float32)
    got = ask(client, "street-attributes", content, boxes)
    with closing(
        build.classifier(ModelOptions(model="street-attributes", backend="onnxruntime"))
    ) as model:
        expected = model.scores(frame, boxes).result()
        assert list(model.attributes) == ["type", "colour"]
    for name, wanted in zip(("type", "colour"), expected, strict=True):
        assert np.abs(got.as_numpy(f"{name}_probabilities") - wanted).max() < 1e-3
    told = json.loads(got.as_numpy("objects")[0])
    assert len(told) == 11
    assert told[0]["labels"][0]["attribute"] == "type"
    with closing(
        build.embedder(ModelOptions(model="street-embedder", backend="onnxruntime"))
    ) as embedder:
        vectors = embedder.submit(frame, boxes).result()
        (whole,) = embedder.submit(frame, whole_box(frame.width, frame.height)).result()
    answer = ask(client, "street-embedder", content, boxes).as_numpy("vectors")
    assert np.abs(answer - vectors).max() < 1e-3
    without_boxes = ask(client, "street-embedder", content).as_numpy("vectors")
    assert np.abs(without_boxes - whole).max() < 1e-3


def test_requests_of_several_clients_are_joined(client: Any, data: Path) -> None:
    picture = (data / "images" / "bus.jpg").read_bytes()
    expected = ask(client, "yolox_nano", picture).as_numpy("boxes")
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(
            lambda _: ask(client, "yolox_nano", picture).as_numpy("boxes"), range(8)
        ):
            assert np.abs(got - expected).max() < 1e-3
    statistics = client.get_inference_statistics("yolox_nano_network", as_json=True)["model_stats"][
        0
    ]
    assert max(int(batch["batch_size"]) for batch in statistics["batch_stats"]) > 1


def test_what_is_no_picture_is_said(client: Any) -> None:
    import tritonclient.grpc

    with pytest.raises(
        tritonclient.grpc.InferenceServerException, match="is no JPEG, PNG"
    ) as caught:
        ask(client, "street", b"no picture")
    assert "INVALID_ARGUMENT" in caught.value.status()


def test_the_network_serves_this_program_s_engine_too(server: Any, data: Path) -> None:
    """The backend `triton` of `sightline detect` finds pixels as input."""
    with sightline.load(server[1]["yolox_nano"], backend="onnxruntime") as model:
        expected = model.detect(data / "images" / "bus.jpg")
    from sightline.build import detector

    address = f"grpc://127.0.0.1:{server[0].grpc}/yolox_nano_network"
    options = ModelOptions(model=str(server[1]["yolox_nano"]), engine={"url": address})  # type: ignore[arg-type]
    remote = detector(options)
    (found,) = remote.submit([still_frame(data / "images" / "bus.jpg")]).result()
    remote.close()
    assert np.abs(found.boxes - expected.boxes).max() < 1e-3


def test_a_second_version_stands_beside_the_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = in_process(tmp_path, monkeypatch, capsys)
    first = run("deploy", "triton", "street", "--output", "models")
    assert first.stdout.split() == ["models/street", "models/street_network"]
    again = run("deploy", "triton", "street", "--output", "models")
    assert again.returncode == 2
    assert "has a version 1 already" in again.stderr
    second = run("deploy", "triton", "street", "-o", "models", "--model-version", 2, "--keep-versions", 2)  # fmt: skip
    assert second.returncode == 0
    assert {p.name for p in (tmp_path / "models" / "street").iterdir()} == {
        "1",
        "2",
        "config.pbtxt",
    }
    assert not list((tmp_path / "models").glob(".*"))

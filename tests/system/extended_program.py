"""What the parts of the guide "Extending" must do: run with a copy of the program that has them.

Prints the table of each part that works. The command line, the configuration and Python are all asked.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import sightline as sl
from sightline.cli.main import app
from sightline.config import file as config_file
from sightline.config.schema import schema
from sightline.errors import ConfigError

STREET = "street://?duration=1&width=320&height=192&seed=3"


def command(*arguments: str) -> tuple[str, BaseException | None]:
    """What a command prints, and the error that it ends with."""
    result = CliRunner().invoke(app, list(arguments))
    failed = result.exception if not isinstance(result.exception, SystemExit) else None
    return result.output, failed


def refused(*arguments: str) -> str:
    """The message of a command that must not work."""
    output, error = command(*arguments)
    assert isinstance(error, ConfigError), (error, output)
    return str(error)


def configuration(stream: str) -> config_file.ConfigurationFile:
    text = f"models: {{street: {{model: street}}}}\nstreams: {{gate: {stream}}}\n"
    jsonschema.validate(yaml.safe_load(text), schema())
    return config_file.parse(text, Path("site.yaml").absolute(), {})


def mistake(stream: str) -> str:
    """What is said of a configuration with a stream that cannot be."""
    text = f"models: {{street: {{model: street}}}}\nstreams: {{gate: {stream}}}\n"
    try:
        config_file.parse(text, Path("site.yaml"), {})
    except ConfigError as exc:
        return str(exc)
    raise AssertionError(f"{stream} was accepted")


def sinks() -> None:
    _, error = command("track", STREET, "-m", "street", "--counts", "counts.json", "--quiet")
    assert error is None, error
    assert json.loads(Path("counts.json").read_text())["car"] >= 1
    _, error = command("track", STREET, "-m", "street", "--counts", "new/", "--csv", "a.csv", "-q")
    assert error is None, error
    assert Path("new/street.json").exists()
    Path("v.mp4").write_bytes(b"a video")
    assert "--counts" in refused("track", "v.mp4", "-m", "street", "--counts", "v.mp4")
    output, _ = command("track", "--help")
    assert "--counts" in output
    outputs = (
        configuration("{source: v.mp4, outputs: {counts: c.json}}")
        .configuration.streams["gate"]
        .outputs
    )
    assert outputs.counts == str(
        Path("c.json").absolute()
    )  # placed beside the file, as every path is


def trackers() -> None:
    _, error = command(
        "track", STREET, "-m", "street", "--tracker", "nearest", "--reach", "20", "--json", "near.jsonl", "-q"
    )  # fmt: skip
    assert error is None, error
    lines = [json.loads(line) for line in Path("near.jsonl").read_text().splitlines()]
    assert any(item["track_id"] for line in lines for item in line["objects"])
    stream = configuration(
        "{source: v.mp4, tracker: {kind: nearest, reach: 20}}"
    ).configuration.streams["gate"]
    assert (stream.tracker.kind, stream.tracker.reach) == ("nearest", 20.0)
    assert pickle.loads(pickle.dumps(stream)) == stream  # streams are handed to worker processes
    assert (
        configuration("{source: v.mp4, tracker: nearest}")
        .configuration.streams["gate"]
        .tracker.reach
        is None
    )
    plain = configuration("{source: v.mp4, tracker: {high_threshold: 0.6}}").configuration.streams[
        "gate"
    ]
    assert (plain.tracker.kind, plain.tracker.high_threshold) == ("bytetrack", 0.6)
    for wrong, said in (
        ("{kind: nearst}", "nearest"), ("nearst", "nearest"), ("{kind: nearest, rich: 2}", "reach"),
        ("{kind: nearest, reach: -1}", "reach"), ("{kind: nearest, high_threshold: 0.5}", "high_threshold"),
    ):  # fmt: skip
        message = mistake(f"{{source: v.mp4, tracker: {wrong}}}")
        assert said in message, message
        assert "site.yaml:2:" in message, message
        assert "Input" not in message, message
    assert "no such option" in refused("track", "v.mp4", "-m", "street", "--reach", "20")
    assert "nearest" in refused("track", "v.mp4", "-m", "street", "--tracker", "nearst")
    with sl.load("street") as model:
        seen = list(model.track(STREET, {"kind": "nearest", "reach": 20}))
    assert any(len(one.detections) for one in seen)


def engines() -> None:
    make_model(Path("plain.onnx"), [[16, 8, 48, 40, 0.9, 0.0]])
    Path("plain.yaml").write_text(
        "decoder: end-to-end\nsize: [64, 64]\nclass_names: [cat, dog]\nresize: stretch\n"
    )
    picture = np.full((64, 64, 3), 90, np.uint8)
    found = {}
    for backend in ("onnx-reference", "onnxruntime"):
        with sl.load("plain.onnx", backend=backend) as model:
            found[backend] = model.detect(picture)
    assert found["onnx-reference"].boxes.round().tolist() == [[16, 8, 48, 40]]
    assert np.allclose(found["onnx-reference"].boxes, found["onnxruntime"].boxes)
    assert "onnx-reference" in command("detect", "--help")[0]
    assert "onnx-reference" in refused(
        "detect", "v.mp4", "-m", "street", "--backend", "onnx-referenze"
    )


def decoders() -> None:
    make_model(
        Path("corner.onnx"), [[0.5, 0.5, 0.25, 0.5, 0.9, 1.0], [0.1, 0.1, 0.1, 0.1, 0.1, 0.0]]
    )
    Path("corner.yaml").write_text("decoder: corner\nsize: [64, 64]\nclass_names: [cat, dog]\n")
    with sl.load("corner.onnx") as model:
        found = model.detect(np.full((64, 64, 3), 90, np.uint8))
    assert found.boxes.tolist() == [[24, 16, 40, 48]]
    assert found.class_ids.tolist() == [1]


def sources() -> None:
    Path("two.bgr").write_bytes(bytes(2 * 96 * 64 * 3))
    address = f"raw://{Path.cwd()}/two.bgr?width=96&height=64&fps=10"
    _, error = command("track", address, "-m", "street", "--json", "raw.jsonl", "-q")
    assert error is None, error
    lines = [json.loads(line) for line in Path("raw.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["width"], line["time"]) for line in lines] == [
        (0, 96, 0.0),
        (1, 96, 0.1),
    ]
    assert configuration(f'{{source: "{address}"}}').configuration.streams["gate"].source == address
    with sl.load("street") as model:
        assert len(list(sl.track(address, model))) == 2


def make_model(path: Path, rows: list[list[float]]) -> None:
    """A graph that answers every picture with these rows, (1, K, 6)."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "shape"], ["flat"]),
        helper.make_node("Add", ["flat", "rows"], ["output"]),
    ]
    weights = {
        "zero": np.zeros(1, np.float32), "shape": np.array([1, 1, 1], np.int64),
        "rows": np.array([rows], np.float32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, len(rows), 6])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


if __name__ == "__main__":
    for table in (sinks, trackers, engines, decoders, sources):
        table()
        sys.stdout.write(f"{table.__name__.upper()}\n")
        sys.stdout.flush()

"""``sightline optimize`` from footage to files, on the bundled detector and its street."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from tests import exported_graphs
from tests.command import Done, Run, in_process

import sightline as sl
from sightline.optimize.variants import optimization, speed

pytest_plugins = ("tests.training_fixtures",)
FOOTAGE = "street://?seed=10003&duration=4&fps=10&density=1&width=640&height=384"


Optimize = Callable[..., Done]


@pytest.fixture(scope="module", autouse=True)
def nncf() -> None:
    """Imported by the one process that runs these tests, not by all that collect them: it takes seconds."""
    pytest.importorskip("nncf", reason="NNCF is not installed")


@pytest.fixture
def sightline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.fixture
def optimize(sightline: Run, monkeypatch: pytest.MonkeyPatch) -> Optimize:
    monkeypatch.setattr(speed, "SECONDS", 0.02)

    def run(*arguments: object, code: int = 0) -> Done:
        done = sightline("optimize", "street", "--size", "320", "--frames", "40", *arguments)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_variants_are_made_judged_and_written(
    tmp_path: Path, sightline: Run, optimize: Optimize
) -> None:
    made = optimize("--data", FOOTAGE, "-o", tmp_path / "made", "--variants", "clean,fp16,bf16,int8", "--allow-slower", "--json")  # fmt: skip
    told = json.loads(made.stdout)
    assert told == json.loads((tmp_path / "made" / "report.json").read_text())
    rows = {row["name"]: row for row in told["variants"]}
    assert list(rows) == ["original", "clean", "fp16", "bf16", "int8"]
    assert rows["clean"]["reason"].startswith("larger than the file")
    for name in ("fp16", "int8"):
        assert rows[name]["accepted"], rows[name]
        assert rows[name]["kept"] >= 0.97
        assert rows[name]["throughput"] > 0
        model = sl.load(str(rows[name]["path"]))
        assert model.class_names == sl.load("street").class_names
        history = model.detector.card.history  # type: ignore[attr-defined]
        assert history[-1].tool == f"sightline optimize, {name}"
        assert len(history[-1].source_sha256) == 64
        model.close()
    again = sightline(
        "optimize", rows["int8"]["path"], "--data", FOOTAGE, "--size", 320, "--frames", 40,
        "-o", tmp_path / "again", "--variants", "int8", "--json",
    )  # fmt: skip
    assert "in INT8 already" in json.loads(again.stdout)["variants"][1]["reason"]
    assert rows["int8"]["size_mb"] < 0.65 * rows["original"]["size_mb"]
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == [
        "report.json", "report.png", "street-fp16.onnx", "street-fp16.yaml", "street-int8.onnx", "street-int8.yaml",
    ]  # fmt: skip


def ruined(graph: Any) -> bytes:
    """The detector, with nothing left of its class `person` (the first behind the four sides)."""
    broken = onnx.ModelProto()
    broken.CopyFrom(graph)
    (output,) = broken.graph.output
    scale = np.ones((1, 10, 1), np.float32)
    scale[0, 4] = 0
    broken.graph.initializer.append(onnx.numpy_helper.from_array(scale, "without_people"))
    for node in broken.graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = "whole"
    broken.graph.node.append(
        onnx.helper.make_node("Mul", ["whole", "without_people"], [output.name])
    )
    return broken.SerializeToString()


@pytest.mark.parametrize(
    "labels", [(), ("--labels", "street://?seed=10004&duration=2&fps=10&width=640&height=384")]
)
def test_a_variant_that_has_lost_a_class_is_refused_by_its_name(
    tmp_path: Path, optimize: Optimize, labels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimization, "to_half", ruined)
    made = optimize(
        "--data", FOOTAGE, *labels, "-o", tmp_path / "made", "--variants", "fp16", "--json"
    )
    fp16 = json.loads(made.stdout)["variants"][1]
    assert not fp16["accepted"]
    assert "of class person from" in fp16["reason"]
    assert fp16["path"] is None
    assert not list((tmp_path / "made").glob("*.onnx"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--data", FOOTAGE, "--variants", "int4"], "did you mean int8", id="unknown variant"),
        pytest.param(["--data", FOOTAGE, "--ranges", "kl"], "mean-minmax, minmax, percentile, entropy", id="ranges"),
        pytest.param(["--data", "street://?duration=1&fps=10&width=320&height=192"], "10 frames are too few", id="little footage"),
        pytest.param(["--data", FOOTAGE, "--backend", "torch"], "openvino, onnxruntime, tensorrt", id="backend"),
        pytest.param(["--data", FOOTAGE, "--labels", "none.json"], "none.json", id="no labels"),
        pytest.param(["--data", FOOTAGE, "--labels", ".", "--images", "none"], "--images none: there is no such folder", id="no pictures"),
        pytest.param(["--data", "rtsp://127.0.0.1:1/x"], "is live: record some minutes", id="a camera"),
    ],
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, optimize: Optimize, arguments: list[str], message: str
) -> None:
    made = optimize(*arguments, "-o", tmp_path / "made", code=2)
    assert message in made.stderr
    assert not (tmp_path / "made").exists()


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """A glob of 40 small pictures with nothing in them."""
    for number in range(40):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"), np.full((96, 160, 3), 20 + 5 * number, np.uint8)
        )
    return tmp_path / "*.png"


def test_a_model_without_class_names_is_judged(
    tmp_path: Path, greys: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the same object in each picture, of a class that nobody has named."""
    monkeypatch.setattr(speed, "SECONDS", 0.02)
    path = exported_graphs.yolov8().save(tmp_path / "nameless.onnx")
    made = sightline(
        "optimize", path, "--data", greys, "-o", tmp_path / "made", "--variants", "fp16", "--allow-slower", "--json"
    )  # fmt: skip
    fp16 = json.loads(made.stdout)["variants"][1]
    assert fp16["accepted"], fp16["reason"]
    assert fp16["kept"] == 1


def without_masks(rows: Any, prototypes: Any) -> tuple[Any, Any]:
    return rows, prototypes * 0 - 1


def with_points_elsewhere(rows: Any) -> tuple[Any]:
    points = rows.copy()
    points[:, -9:] += 60 * (rows[:, -9:] > 0)
    return (points,)


def turned_further(rows: Any) -> tuple[Any]:
    turned = rows.copy()
    turned[:, -1] += 0.5
    return (turned,)


SHAPES = [
    pytest.param(exported_graphs.yolov8_segment, "yolov8-segment", without_masks, "its masks are those of the original by 0", id="masks"),
    pytest.param(exported_graphs.yolov8_pose, "yolov8-pose", with_points_elsewhere, "its keypoints are those of the original by 0", id="keypoints"),
    pytest.param(exported_graphs.yolov8_obb, "yolov8-obb", turned_further, "its turned boxes are those of the original by 0", id="turned boxes"),
]  # fmt: skip
"""A model that is for more than boxes, what is done to it, and what is said of that."""


@pytest.mark.parametrize(("make", "decoder", "ruin", "reason"), SHAPES)
@pytest.mark.parametrize("ruined", [False, True])
def test_a_variant_is_judged_by_what_the_model_is_for(
    make: exported_graphs.Make, decoder: str, ruin: Callable[..., Any], reason: str, ruined: bool,
    tmp_path: Path, greys: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The boxes are the original's in all of them."""
    path = make().save(tmp_path / "model.onnx")
    shape = "keypoint_shape: [3, 3]\n" if decoder == "yolov8-pose" else ""
    path.with_suffix(".yaml").write_text(f"decoder: {decoder}\nclass_names: [a, b, c]\n{shape}")

    def changed(graph: Any) -> bytes:
        if ruined:
            answers = graph.graph.initializer[1:]
            values = ruin(*map(onnx.numpy_helper.to_array, answers))
            for entry, value in zip(answers, values, strict=True):
                entry.CopyFrom(onnx.numpy_helper.from_array(value.astype(np.float32), entry.name))
        content: bytes = graph.SerializeToString()
        return content

    monkeypatch.setattr(speed, "SECONDS", 0.02)
    monkeypatch.setattr(optimization, "to_half", changed)
    made = sightline(
        "optimize", path, "--data", greys, "-o", tmp_path / "made", "--variants", "fp16", "--allow-slower", "--json"
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    fp16 = json.loads(made.stdout)["variants"][1]
    assert fp16["accepted"] == (not ruined), fp16
    if ruined:
        assert reason in fp16["reason"]
        assert "of class b from 1.000 to" in fp16["reason"]
        assert fp16["kept"] < 0.9
    else:
        assert fp16["kept"] == 1


def test_int8_gives_the_layer_of_masks_back(
    tmp_path: Path, sightline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is bright is found in all pictures with a box that stays, so that nothing but the masks tells."""
    monkeypatch.setattr(speed, "SECONDS", 0.02)
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        picture = np.full((96, 160, 3), 20, np.uint8)
        picture[20 : 24 + number, 20 : 60 + number] = 220
        cv2.imwrite(str(tmp_path / "pictures" / f"{number:02}.png"), picture)
    path = exported_graphs.segment_with_faint_prototypes().save(tmp_path / "model.onnx")
    made = sightline(
        "optimize", path, "--data", tmp_path / "pictures", "-o", tmp_path / "made", "--variants", "int8",
        "--allow-slower", "--json", "--backend", "onnxruntime",
    )  # fmt: skip
    int8 = json.loads(made.stdout)["variants"][1]
    assert int8["accepted"], int8
    assert int8["kept"] > 0.97
    (layer,) = int8["in_floats"]
    assert (layer["layer"], layer["operator"]) == ("Conv_2", "Conv")


def test_a_model_whose_outputs_are_no_numbers(tmp_path: Path, greys: Path, sightline: Run) -> None:
    graph = exported_graphs.yolov8()
    graph.weights[-1].CopyFrom(
        onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(graph.weights[-1]) * np.nan, graph.weights[-1].name
        )
    )
    path = graph.save(tmp_path / "broken.onnx")
    made = sightline("optimize", path, "--data", greys, "-o", tmp_path / "made")
    assert made.returncode == 1
    assert "output output0 of the model is not a number" in made.stderr


def test_footage_in_which_nothing_is_found(tmp_path: Path, greys: Path, optimize: Optimize) -> None:
    made = optimize("--data", greys, "-o", tmp_path / "made", code=2)
    assert "sure of nothing in this footage" in made.stderr


def test_no_input_is_overwritten(tmp_path: Path, sightline: Run, optimize: Optimize) -> None:
    pictures = tmp_path / "pictures"
    sightline("street", "export", pictures, FOOTAGE, "--frames", "2")
    (tmp_path / "report.png").symlink_to(next(pictures.rglob("*.jpg")))
    before = (tmp_path / "report.png").read_bytes()
    made = optimize("--data", pictures / "img1" / "*.jpg", "-o", tmp_path, code=2)
    assert "report.png" in made.stderr
    assert (tmp_path / "report.png").read_bytes() == before


def test_variants_that_are_trained(tmp_path: Path, optimize: Optimize, training_step: str) -> None:
    made = optimize(
        "--data", FOOTAGE, "-o", tmp_path / "made", "--variants", "pruned-0.2,qat", "--training", training_step,
        "--training-data", tmp_path / "frames", "--training-steps", 1, "--min-agreement", 0, "--max-class-drop", 1,
        "--allow-slower", "--backend", "onnxruntime", "--json",
    )  # fmt: skip
    rows = {row["name"]: row for row in json.loads(made.stdout)["variants"]}
    assert list(rows) == ["original", "pruned-0.2", "qat"]
    for name in ("pruned-0.2", "qat"):
        assert rows[name]["accepted"], rows[name]
        assert rows[name]["size_mb"] < 0.85 * rows["original"]["size_mb"]
        assert rows[name]["training"]["steps"] == 1
        model = sl.load(str(rows[name]["path"]))
        (step,) = model.detector.card.history[-1:]  # type: ignore[attr-defined]
        assert step.figures["training"]["loss"] > 0
        assert step.options["training"] == training_step
        model.close()
    assert rows["pruned-0.2"]["training"]["channels"] == pytest.approx(0.8, abs=0.02)
    graph = onnx.load(rows["pruned-0.2"]["path"]).graph
    assert all(0 not in weight.dims for weight in graph.initializer)
    quantised = onnx.load(rows["qat"]["path"]).graph
    assert sum(node.op_type == "QuantizeLinear" for node in quantised.node) > 20
    assert not list((tmp_path / "made").glob("*.checkpoint.pt"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "the training step of the model is needed", id="no step"),
        pytest.param(["--training", "no.such:thing"], "cannot import it", id="no module"),
        pytest.param(["--training", "json:JSONDecoder"], "JSONDecoder lacks rate, network", id="no task"),
        pytest.param(["--training", "pathlib:PurePath.joinpath"], "--training-data", id="no data"),
    ],
)  # fmt: skip
def test_training_steps_that_are_refused(
    tmp_path: Path, optimize: Optimize, arguments: list[str], message: str
) -> None:
    pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")
    made = optimize("--data", FOOTAGE, *arguments, "-o", tmp_path / "made", "--variants", "pruned", code=2)  # fmt: skip
    assert message in made.stderr
    assert not (tmp_path / "made").exists()

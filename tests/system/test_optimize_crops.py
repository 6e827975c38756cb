"""``sightline optimize`` of classifiers and embedders, on the bundled ones and their street."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from tests.command import Run, in_process

import sightline as sl
from sightline.build.toolchain.cards import onnx_card
from sightline.optimize.variants import optimization, speed
from sightline.sources.street import StreetSource, truth_of

FOOTAGE = "street://?seed=10003&duration=4&fps=10&density=1&width=640&height=384"
CROPS = ("--crops", "street:car,truck,bus")


@pytest.fixture(scope="module", autouse=True)
def nncf() -> None:
    """Imported by the one process that runs these tests, not by all that collect them: it takes seconds."""
    pytest.importorskip("nncf", reason="NNCF is not installed")


@pytest.fixture
def optimize(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setattr(speed, "SECONDS", 0.02)
    run = in_process(tmp_path, monkeypatch, capsys)
    return lambda *words: run("optimize", *words, "--frames", 40, "--allow-slower", "--json", "-o", tmp_path / "made")  # fmt: skip


def rows(done: Any) -> dict[str, dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)["variants"]}


@pytest.mark.parametrize("name", ["street-attributes", "street-embedder"])
def test_variants_are_made_judged_and_written(name: str, optimize: Run, tmp_path: Path) -> None:
    made = rows(optimize(name, "--data", FOOTAGE, *CROPS, "--variants", "fp16,int8"))
    for variant in ("fp16", "int8"):
        assert made[variant]["accepted"], made[variant]
        assert made[variant]["kept"] >= 0.97
        card = onnx_card(Path(made[variant]["path"])).card
        assert card.history[-1].tool == f"sightline optimize, {variant}"
        assert card.history[-1].options["crops"] == CROPS[1]
    assert made["int8"]["size_mb"] < 0.4 * made["original"]["size_mb"]
    if name == "street-attributes":
        picture = tmp_path / "red.png"
        cv2.imwrite(str(picture), np.full((60, 60, 3), (40, 40, 200), np.uint8))
        (found,) = sl.classify(picture, made["int8"]["path"])
        assert {label.attribute for label in found.labels} <= {"type", "colour"}


def without_white(graph: Any) -> bytes:
    """The classifier, with nothing left of its first colour, white."""
    broken = onnx.ModelProto()
    broken.CopyFrom(graph)
    keep = np.ones((1, 9), np.float32)
    keep[0, 0] = 0
    broken.graph.initializer.append(onnx.numpy_helper.from_array(keep, "without_white"))
    for node in broken.graph.node:
        for place, name in enumerate(node.output):
            if name == "colour":
                node.output[place] = "whole"
    broken.graph.node.append(onnx.helper.make_node("Mul", ["whole", "without_white"], ["colour"]))
    return broken.SerializeToString()


def test_a_variant_that_has_lost_a_value_is_refused_by_its_name(
    optimize: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(optimization, "to_half", without_white)
    made = rows(optimize("street-attributes", "--data", FOOTAGE, *CROPS, "--variants", "fp16"))  # fmt: skip
    assert not made["fp16"]["accepted"]
    assert "of class colour white from" in made["fp16"]["reason"]
    assert not list((tmp_path / "made").glob("*.onnx"))


def test_pictures_of_objects_and_folders_of_them(tmp_path: Path, optimize: Run) -> None:
    """Crops as files, in folders by their colour: no detector is needed."""
    count = 0
    for frame in StreetSource(FOOTAGE):
        truth = truth_of(frame)
        for box, labels in zip(truth.boxes.astype(int).tolist(), truth.labels, strict=True):
            colour = next((one.value for one in labels if one.attribute == "colour"), None)
            if colour is None or min(box[2] - box[0], box[3] - box[1]) < 24:
                continue
            folder = tmp_path / "crops" / colour
            folder.mkdir(parents=True, exist_ok=True)
            count += 1
            cv2.imwrite(str(folder / f"{count}.png"), frame.image[box[1] : box[3], box[0] : box[2]])
    made = rows(
        optimize(
            "street-attributes", "--data", tmp_path / "crops" / "*" / "*.png", "--labels",
            tmp_path / "crops", "--variants", "fp16",
        )
    )  # fmt: skip
    assert made["fp16"]["accepted"], made["fp16"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["street-attributes", "--data", FOOTAGE], 2, "name the detector whose objects it is shown", id="whole frames"),
        pytest.param(["street-attributes", "--data", FOOTAGE, *CROPS, "--size", "64"], 2, "--size 64: it is for detectors", id="size"),
        pytest.param(["street", "--data", FOOTAGE, *CROPS], 2, "it is for classifiers and embedders", id="crops of a detector"),
        pytest.param(["street-attributes", "--data", FOOTAGE, *CROPS, "--labels", "none"], 2, "a folder of pictures for each class", id="no labels"),
    ],
)  # fmt: skip
def test_what_is_refused(
    optimize: Run, arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = optimize(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "made").exists()

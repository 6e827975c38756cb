"""Segmentation, pose and oriented models behind the service, in tracking and in the evaluation."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests import exported_graphs as graphs
from tests.command import in_process
from tests.exported_graphs import ANGLE, HEIGHT, KEYPOINTS, WIDTH
from tests.v2_service import LIBRARIES, Running, running, tensors

import sightline as sl

TOLD = {"author": "Ultralytics", "names": "{0: 'a', 1: 'b', 2: 'c'}"}
MAKE = {"segment": graphs.yolov8_segment, "pose": graphs.yolov8_pose, "obb": graphs.yolov8_obb}
PICTURE = cv2.imencode(".png", np.zeros((HEIGHT * 2, WIDTH * 2, 3), np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The file of a model of each task, each of which finds one object."""
    folder = tmp_path_factory.mktemp("models")
    return {
        task: str(make().save(folder / f"{task}.onnx", {**TOLD, "task": task}))
        for task, make in MAKE.items()
    }


@pytest.fixture(scope="module")
def service(models: dict[str, str]) -> Iterator[Running]:
    with running({task: {"model": path} for task, path in models.items()}) as it:
        yield it


def left_half(mask: Any) -> None:
    """The mask is right: from 24 to 64 of 160, twice as large in the picture."""
    from faster_coco_eval import mask as masks

    pixels = masks.decode(mask)
    assert pixels.shape == (HEIGHT * 2, WIDTH * 2)
    rows, columns = np.nonzero(pixels)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (48, 127, 32, 127)


def check(task: str, found: dict[str, Any]) -> None:
    if task == "segment":
        left_half(found["mask"])
    if task == "pose":
        expected = [[x * 2, y * 2, score] for x, y, score in KEYPOINTS]
        assert np.allclose(found["keypoints"], expected, atol=0.01)
    if task == "obb":
        assert found["angle"] == pytest.approx(ANGLE, abs=1e-4)


@pytest.mark.parametrize("task", list(MAKE))
def test_detect(service: Running, task: str) -> None:
    request = urllib.request.Request(
        f"http://{service.addresses['http']}/detect?model={task}",
        PICTURE,
        {"Content-Type": "image/png"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        (found,) = json.load(answer)["objects"]
    check(task, found)


@pytest.mark.parametrize("transport", ["http", "grpc"])
@pytest.mark.parametrize("task", list(MAKE))
def test_the_open_inference_protocol(service: Running, task: str, transport: str) -> None:
    name = {"segment": "masks", "pose": "keypoints", "obb": "angles"}[task]
    with service.client(transport) as client:
        told = client.get_model_metadata(f"{task}.detect")
        outputs = told["outputs"] if isinstance(told, dict) else told.outputs
        names = [o["name"] if isinstance(o, dict) else o.name for o in outputs]
        assert names == ["boxes", "scores", "class_ids", "counts", name]
        image = np.array([PICTURE, PICTURE], object)
        result = client.infer(f"{task}.detect", tensors(transport, image=image))
        assert result.as_numpy("counts").tolist() == [1, 1]
        rows = result.as_numpy(name)
        for row in rows:
            check(
                task,
                {
                    "mask": json.loads(row) if task == "segment" else None,
                    "keypoints": row,
                    "angle": row,
                },
            )
        assert len(rows) == 2
        only = LIBRARIES[transport].InferRequestedOutput(name)
        none = client.infer(
            f"{task}.detect", tensors(transport, image=image), outputs=[only],
            parameters={"conf": 0.95},
        )  # fmt: skip
        shape = none.as_numpy(name).shape
        assert shape == ((0, len(KEYPOINTS), 3) if task == "pose" else (0,))


@pytest.mark.parametrize("task", list(MAKE))
def test_tracks_carry_what_was_found(models: dict[str, str], task: str) -> None:
    field = {"segment": "masks", "pose": "keypoints", "obb": "angles"}[task]
    seen = list(sl.track("street://?duration=0.4", models[task]))
    assert len(seen) > 5
    for observation in seen[1:]:
        assert observation.detections.track_ids is not None
        assert len(observation.detections) == 1
        assert getattr(observation.detections, field) is not None


def test_masks_are_evaluated_on_a_street(
    models: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mask that never moves is nobody's: the score is there, and it is bad."""
    truth = "street://?duration=0.2"
    card = Path(models["segment"]).with_suffix(".yaml")
    card.write_text("class_names: [person, car, bus]")
    try:
        run = in_process(tmp_path, monkeypatch, capsys)
        done = run("evaluate", "detect", truth, "--model", models["segment"], "--json")
    finally:
        card.unlink()
    scores = json.loads(done.stdout)
    assert 0 <= scores["mask_map"] < 0.2
    assert "keypoint_map" not in scores

"""``sightline collect``: a dataset of hard frames, read again by Sightline's own evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.command import Run, in_process

STREET = "street://?seed=5&width=320&height=192&fps=5&duration=16&light=dusk"
MODEL = ("--model", "street", "--backend", "onnxruntime")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


def test_hard_frames_are_a_dataset(run: Run, tmp_path: Path) -> None:
    done = run("collect", STREET, *MODEL, "--output", "hard", "--budget", "4", "--json")
    assert done.returncode == 0, done.stderr
    frames = json.loads(done.stdout)["frames"]
    assert 1 <= len(frames) <= 4
    assert frames == json.loads((tmp_path / "hard" / "hard_frames.json").read_text())
    assert sorted((f["hardness"] for f in frames), reverse=True) == [f["hardness"] for f in frames]
    coco = json.loads((tmp_path / "hard" / "annotations.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == [f["picture"] for f in frames]
    for frame in frames:
        picture = cv2.imread(str(tmp_path / "hard" / "images" / frame["picture"]))
        assert picture.shape == (192, 320, 3)
        label = tmp_path / "hard" / "labels" / f"{Path(frame['picture']).stem}.txt"
        assert len(label.read_text().splitlines()) == frame["objects"]
    scored = run("evaluate", "detect", "hard", *MODEL)
    assert scored.returncode == 0, scored.stderr


def test_people_are_not_recognised_where_they_are_blurred(run: Run, tmp_path: Path) -> None:
    arguments = ("collect", STREET, *MODEL, "--budget", "2", "--no-track")
    assert run(*arguments, "--output", "open").returncode == 0
    assert run(*arguments, "--output", "blurred", "--blur", "car,person").returncode == 0
    coco = json.loads((tmp_path / "open" / "annotations.json").read_text())
    changed = []
    for image in coco["images"]:
        name = f"images/{image['file_name']}"
        before, after = (
            cv2.imread(str(tmp_path / kind / name)).astype(int) for kind in ("open", "blurred")
        )
        changed.append(np.abs(before - after).max() > 30)
    assert any(changed)


def test_what_cannot_be_is_refused_before_anything_is_looked_at(run: Run, tmp_path: Path) -> None:
    unknown = run("collect", STREET, *MODEL, "--output", "hard", "--blur", "persn")
    assert unknown.returncode == 2
    assert "person" in unknown.stderr
    (tmp_path / "clip").mkdir()
    nowhere = run("collect", "none.mp4", *MODEL, "--output", "hard")
    assert nowhere.returncode in {1, 2}
    assert not (tmp_path / "hard").exists()

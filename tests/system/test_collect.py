"""``sightline collect``: a dataset of hard frames, read again by Sightline's own evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.command import Run, in_process
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.config import Configuration
from sightline.runtime.hard_frames.folder import HardFrameFolder

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


def test_a_folder_with_hard_frames_is_not_collected_into(run: Run, tmp_path: Path) -> None:
    arguments = ("collect", STREET, *MODEL, "--output", "hard", "--budget", "2", "--no-track")
    assert run(*arguments).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "hard").rglob("*.*")}
    again = run(*arguments)
    assert again.returncode == 2
    assert "2 hard frames are in it already" in again.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "hard").rglob("*.*")} == before


def test_a_folder_that_another_program_collects_into_is_refused_at_once(
    run: Run, tmp_path: Path
) -> None:
    other = HardFrameFolder(tmp_path / "hard", "street")
    other.open()
    done = run("collect", "street://?fps=5", *MODEL, "--output", "hard")  # it has no end
    other.close()
    assert done.returncode == 1
    assert "another program collects hard frames into it" in done.stderr


def test_labelling_tools_get_what_was_collected(run: Run, tmp_path: Path) -> None:
    done = run("collect", STREET, *MODEL, "--output", "hard", "--budget", "2", "--no-track")
    assert done.returncode == 0, done.stderr
    tasks = run("monitor", "hard-frames", "hard", "--output", "tasks.json")
    assert tasks.returncode == 0, tasks.stderr
    assert "2 pictures for label-studio" in tasks.stdout
    first = json.loads((tmp_path / "tasks.json").read_text())[0]
    assert first["data"]["image"].startswith("/data/local-files/?d=hard/images/street-")
    assert first["predictions"][0]["result"]
    own = run("monitor", "hard-frames", "hard", "--output", "hard/classes.txt")
    assert own.returncode == 2
    assert "would be overwritten" in own.stderr
    nothing = run("monitor", "hard-frames", "none", "--output", "tasks.json")
    assert nothing.returncode == 1
    assert "there are no hard frames in it" in nothing.stderr


def site(tmp_path: Path, collect: dict[str, Any]) -> Configuration:
    """Two models that do not agree, and a stream whose hard frames are kept."""
    plain = {"backend": "onnxruntime", "size": 320, "warm_up": False, "model": "street"}
    stream = {
        "source": "street://?seed=5&width=320&height=192&fps=5&light=dusk",
        "realtime": True,
        "collect": {"folder": str(tmp_path / "kept"), "every_s": 0.2, **collect},
    }
    return Configuration.model_validate(
        {
            "models": {
                "street": {**plain, "split": {"model": "other", "share": 0.5, "compare": 1.0}},
                "other": {**plain, "conf": 0.9},
            },
            "streams": {"gate": stream},
        }
    )


def test_a_service_keeps_hard_frames_of_its_streams(tmp_path: Path) -> None:
    running = Application(site(tmp_path, {"per_day": 4}))
    running.open()
    try:

        def collected() -> dict[str, int]:
            status = running.fleet.stats()["gate"].hard_frames
            return {} if status is None else dict(status.collected)

        wait_for(lambda: {"uncertain", "disagreed"} <= set(collected()), 60)
        assert running.fleet.stats()["gate"].state == "running"
    finally:
        running.close()
    pictures = {path.stem for path in (tmp_path / "kept" / "gate" / "images").iterdir()}
    assert 1 <= len(pictures) <= 4
    for kind in ("labels", "details"):
        assert {path.stem for path in (tmp_path / "kept" / "gate" / kind).iterdir()} == pictures


@pytest.mark.parametrize(
    ("collect", "where", "what"),
    [
        ({"kinds": ["drifted"]}, "kinds", "it needs `drift`"),
        ({"kinds": ["uncertin"]}, "kinds", "uncertain"),
        ({"blur": ["persn"]}, "blur", "person"),
        ({"embedder": "none"}, "embedder", "none"),
        ({"folder": "hard", "per_day": 0}, "per_day", "1"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_its_line(
    run: Run, tmp_path: Path, collect: dict[str, Any], where: str, what: str
) -> None:
    lines = [
        f"      {key}: {json.dumps(value)}" for key, value in ({"folder": "hard"} | collect).items()
    ]
    text = [
        "models:", "  street: {model: street}", "streams:", "  gate:", "    source: street://",
        "    collect:", *lines,
    ]  # fmt: skip
    (tmp_path / "site.yaml").write_text("\n".join(text))
    done = run("config", "check", "site.yaml")
    assert done.returncode == 2, done.stdout
    assert what in done.stderr
    line = 1 + next(number for number, one in enumerate(text) if where in one)
    assert f":{line}:" in done.stderr

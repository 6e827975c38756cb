"""``sightline run`` of what ``--save-config`` wrote does what the command did."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.command import Run, in_process

STREET = "street://?seed=7&duration=1.2&width=320&height=192"


@pytest.fixture
def sightline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ["track", STREET, "--every", "3", "--high-threshold", "0.4", "--minimum-hits", "1",
             "--classes", "car,0", "--csv", "a.csv", "--mot", "a.txt", "--json-lines", "-"],
            id="a tracker with thresholds, every third frame, lines on standard output",
        ),
        pytest.param(
            ["detect", "pictures", STREET, "--json-lines", "out/", "--conf", "0.4", "--size", "320"],
            id="a few pictures and a video, a file for each",
        ),
    ],
)  # fmt: skip
def test_the_saved_configuration_does_the_same(
    arguments: list[str], sightline: Run, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"pictures/{i}.png"), np.full((96, 128, 3), 90 + i, np.uint8))
    done = sightline(*arguments, "--model", "street", "-q", "--save-config", "s.yaml")
    assert done.returncode == 0, done.stderr
    first = {**results(tmp_path), "stdout": done.stdout}
    for path in results(tmp_path):
        (tmp_path / path).unlink()
    again = sightline("run", "s.yaml", "-q")
    assert again.returncode == 0, again.stderr
    assert {**results(tmp_path), "stdout": again.stdout} == first
    assert sum(len(text) for text in first.values()) > 1000


def results(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.suffix in {".jsonl", ".csv", ".txt"}
    }


def test_frames_between_are_predicted_and_not_analysed(sightline: Run) -> None:
    done = sightline("track", STREET, "--model", "street", "--every", "4", "-q")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(30))
    assert [line["frame"] for line in lines if not line.get("predicted")] == list(range(0, 30, 4))

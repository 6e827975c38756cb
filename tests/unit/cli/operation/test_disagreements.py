"""Examples of disagreement drawn: the newest first, damaged ones told, nothing else touched."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.unit.cli.command_runner import run_command

from sightline.cli.operation.monitor import app

CAR = {"box": [5, 5, 30, 30], "score": 0.9, "class_id": 2, "class": "car"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "examples"


def example(folder: Path, number: int, picture: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    name = f"disagreement-{number:03d}"
    cv2.imwrite(str(folder / f"{name}.jpg"), np.full((48, 64, 3), 90, np.uint8))
    told = {
        "picture": picture or f"{name}.jpg",
        "first": {"model": "street", "objects": [CAR]},
        "second": {"model": "next", "objects": []},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(told))
    return path


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    found = run_command(app, "disagreements", *map(str, arguments))
    return found.exit_code, found.output, found.exception


def test_each_example_is_drawn_side_by_side(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        example(folder, number)
    code, said, _ = run(folder, "--output", tmp_path / "drawn")
    assert (code, said) == (0, f"2 pictures in {tmp_path / 'drawn'}\n")
    drawn = cv2.imread(str(tmp_path / "drawn" / "disagreement-001.jpg"))
    assert drawn.shape == (48 + 28, 128, 3)


def test_the_newest_come_first(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        example(folder, number)
    run(folder, "--output", tmp_path / "drawn", "--count", 2)
    names = sorted(one.name for one in (tmp_path / "drawn").iterdir())
    assert names == ["disagreement-002.jpg", "disagreement-003.jpg"]


def test_a_damaged_one_is_told_and_the_rest_drawn(folder: Path, tmp_path: Path) -> None:
    example(folder, 1)
    example(folder, 2).write_text("{")
    example(folder, 3, picture="gone.jpg")
    example(folder, 4).write_text("[" * 5000)
    code, said, _ = run(folder, "--output", tmp_path / "drawn")
    assert code == 1
    assert said.count("warning: ") == 3
    assert "disagreement-002.json: it is no example of a rollout" in said
    assert "gone.jpg: No such file or directory" in said
    assert f"1 pictures in {tmp_path / 'drawn'}" in said


def test_a_picture_elsewhere_is_not_read(folder: Path, tmp_path: Path) -> None:
    """An example from elsewhere may name any file: only its own folder is looked in."""
    cv2.imwrite(str(tmp_path / "secret.jpg"), np.zeros((9, 9, 3), np.uint8))
    example(folder, 1, picture="../secret.jpg")
    code, said, _ = run(folder, "--output", tmp_path / "drawn")
    assert code == 1
    assert f"{folder / 'secret.jpg'}: No such file" in said


def test_a_folder_without_examples(tmp_path: Path) -> None:
    _, _, error = run(tmp_path)
    assert str(error) == f"{tmp_path}: there are no examples there (disagreement-*.json)"

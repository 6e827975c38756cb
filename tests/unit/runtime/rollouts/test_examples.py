"""The folder of examples: bounded, and never in the way."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cv2
import pytest
from tests.command import in_process
from tests.unit.runtime.rollouts.conftest import NAMES, frame, objects

from sightline.evaluation.pairs import compare_pictures
from sightline.runtime.rollouts import examples
from sightline.runtime.rollouts.examples import Examples

FIRST, SECOND = objects(0, 1), objects(0)
COUNTS = compare_pictures(FIRST, SECOND, len(NAMES), (0.25, 0.25))


def made(folder: Path, limit: int, at: list[float]) -> Examples:
    return Examples(folder, limit, ("street", "next"), lambda: at[0])


def keep(kept: Examples, at: list[float], times: int) -> None:
    for _ in range(times):
        kept.keep(frame(), FIRST, SECOND, COUNTS)
        at[0] += examples.PAUSE_S


def test_one_in_a_while(tmp_path: Path) -> None:
    at = [0.0]
    kept = made(tmp_path, 10**6, at)
    kept.keep(frame(), FIRST, SECOND, COUNTS)
    kept.keep(frame(), FIRST, SECOND, COUNTS)
    assert kept.count == 1
    at[0] += examples.PAUSE_S
    kept.keep(frame(), FIRST, SECOND, COUNTS)
    assert kept.count == 2


def test_the_oldest_go_where_the_folder_is_full_also_those_of_an_earlier_run(
    tmp_path: Path,
) -> None:
    at = [0.0]
    keep(made(tmp_path, 10**6, at), at, 3)
    before = sorted(tmp_path.glob("*.json"))
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    (tmp_path / "notes.txt").write_text("of somebody else")
    keep(made(tmp_path, size + 10, at), at, 2)
    left = sorted(tmp_path.glob("*.json"))
    assert len(left) == 3
    assert left[0] == before[2]
    assert sorted(p.stem for p in tmp_path.glob("*.jpg")) == [p.stem for p in left]
    assert (tmp_path / "notes.txt").exists()


def test_a_picture_that_is_too_large_and_a_folder_that_is_no_folder_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at = [0.0]
    keep(made(tmp_path, 100, at), at, 3)
    assert caplog.text.count("more than `examples_mb` allows") == 1
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    keep(made(tmp_path / "file" / "folder", 10**6, at), at, 2)
    assert caplog.text.count("was not kept") == 2


def test_names_of_streams_with_dots_and_slashes(tmp_path: Path) -> None:
    kept = made(tmp_path, 10**6, [0.0])
    picture = frame()
    picture.stream = "http:10.0.0.1/a.b"
    kept.keep(picture, FIRST, SECOND, COUNTS)
    (results,) = tmp_path.glob("*.json")
    assert (tmp_path / json.loads(results.read_text())["picture"]).exists()


def test_they_are_drawn_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = [0.0]
    keep(made(tmp_path / "kept", 10**6, at), at, 3)
    run = partial(in_process(tmp_path, monkeypatch, capsys), "monitor", "disagreements")
    done = run("kept", "--count", 2)
    assert done.returncode == 0, done.stderr
    assert "2 pictures in drawn" in done.stdout
    pictures = sorted((tmp_path / "drawn").glob("*.jpg"))
    newest = sorted(file.stem for file in (tmp_path / "kept").glob("*.json"))[1:]
    assert [file.stem for file in pictures] == newest
    pixels = cv2.imread(str(pictures[0]))
    height, width = frame().height, frame().width
    assert pixels.shape == (height + 28, 2 * width, 3)
    left, right = pixels[28:, :width], pixels[28:, width:]
    assert left.astype(int).sum() > right.astype(int).sum() > 0  # two boxes, and one
    (tmp_path / "kept" / f"{newest[1]}.jpg").unlink()
    (tmp_path / "kept" / "disagreement-x.json").write_text("[]")
    done = run("kept", "-o", "again")
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "it is no example of a rollout" in done.stderr
    assert len(list((tmp_path / "again").iterdir())) == 2
    assert run("drawn").returncode == 1

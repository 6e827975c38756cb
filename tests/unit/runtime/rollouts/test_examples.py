"""The folder of examples: bounded, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
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

"""A misspelt suffix is an error that names the right one; a folder must look like a folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.build.outputs import outputs
from sightline.config import OutputOptions
from sightline.errors import ConfigError

PICTURES: Any = SimpleNamespace(name="pictures", still=True, live=False)
VIDEO: Any = SimpleNamespace(name="film", still=False, live=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.x").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("option", "path", "source", "said"),
    [
        ("annotated", "a.jgp", PICTURES, "did you mean a.jpg? A folder of that name is a.jgp/"),
        ("annotated", "out/a.pgn", PICTURES, "did you mean out/a.png?"),
        ("annotated", "a.jpge", PICTURES, "did you mean a.jp"),
        ("annotated", "a.gif", PICTURES, "use .jpeg, .jpg, .png, or a folder: a.gif/"),
        ("annotated", "a.mp4", PICTURES, "pictures go to a folder"),
        ("annotated", "a.mp5", VIDEO, "did you mean a.mp4?"),
        ("annotated", "a.mvk", VIDEO, "did you mean a.mkv?"),
        ("annotated", "a.jpg", VIDEO, ".jpg is no kind of video that is written"),
        ("yolo_txt", "labels.txt", PICTURES, "--yolo-txt labels.txt: it is a folder with many files: give labels/"),
        ("crops", "out/a.jpg", VIDEO, "--crops out/a.jpg: it is a folder with many files: give out/a/"),
    ],
)  # fmt: skip
def test_what_is_no_name_of_an_output(
    option: str, path: str, source: Any, said: str, here: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        outputs(OutputOptions(**{option: path}), {}, [source])
    assert said in str(caught.value)
    assert [one.name for one in here.iterdir()] == ["there.x"]


@pytest.mark.parametrize("path", ["out", "out.d/", "there.x", "2026.11.28", ".hidden", "a.JPG"])
def test_what_is_a_name_of_pictures(path: str) -> None:
    assert outputs(OutputOptions(annotated=path), {}, [PICTURES]).sinks(PICTURES)
    if not path.endswith("JPG"):
        options = OutputOptions(yolo_txt=path, crops=path)
        assert len(outputs(options, {}, [PICTURES]).sinks(PICTURES)) == 2

"""What a user's words say of the sources: how many pictures will come."""

from __future__ import annotations

from pathlib import Path

import pytest

import sightline
from sightline import build
from sightline.build.sources import FEW_PICTURES
from sightline.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folders of few and of many pictures, which nobody decodes here."""
    for name, count in (("few", 3), ("many", FEW_PICTURES)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.jpg").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("word", ["", " "])
def test_no_source_is_not_the_working_folder(word: str) -> None:
    with pytest.raises(ConfigError, match="source: it is empty: give a file"):
        build.inputs([word])


def test_digits_of_other_scripts_are_no_camera() -> None:
    (one,) = build.inputs(["²"])
    assert one.kind == "file"


@pytest.mark.parametrize(
    ("words", "few"),
    [
        pytest.param(["few/0.jpg"], True, id="one"),
        pytest.param(["few"], True, id="a small folder"),
        pytest.param(["many"], False, id="a large folder"),
        pytest.param(["many/*.jpg"], False, id="a glob of many"),
        pytest.param([f"many/{n}.jpg" for n in range(FEW_PICTURES)], False, id="one by one"),
        pytest.param(["few", "street://?duration=1"], False, id="a video among them"),
    ],
)
def test_few_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], few: bool
) -> None:
    monkeypatch.chdir(folder)
    assert build.few_pictures(build.inputs(words)) is few


@pytest.mark.parametrize(
    ("name", "lines", "specs"),
    [
        pytest.param("all.txt", "few/0.jpg\n\n# no\nfew/1.jpg\n", ["all.txt"], id="pictures"),
        pytest.param("all.txt", "\ufefffew/0.jpg\r\nfew/2.jpg\r\n", ["all.txt"], id="from Windows"),
        pytest.param("all.txt", "a.mp4\nb.mp4\n", ["a.mp4", "b.mp4"], id="videos"),
        pytest.param("all.txt", "[ab].mp4\n", ["a.mp4", "b.mp4"], id="a glob"),
        pytest.param("all.txt", "a.mp4\nfew/0.jpg\n", ["a.mp4", "few/0.jpg"], id="mixed"),
        pytest.param("all.txt", "few\n", ["few"], id="a folder"),
        pytest.param("c.STREAMS", "rtsp://cam/1\n0\n", ["rtsp://cam/1", "0"], id="cameras"),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_text_file_lists_sources(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    lines: str,
    specs: list[str],
    inside: bool,
) -> None:
    for video in ("a.mp4", "b.mp4"):
        (folder / video).touch()
    (folder / "lists").mkdir()
    place = folder / name if inside else folder / "lists" / name
    place.write_text(lines, encoding="utf-8", newline="")
    monkeypatch.chdir(folder)
    found = build.inputs([str(place.relative_to(folder))])
    assert [Path(i.spec).name for i in found] == [Path(spec).name for spec in specs]
    if specs == [name]:
        assert (found[0].kind, len(found[0].source)) == ("images", 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"few/0.jpg\ngone.jpg\n", r"all\.txt:2: gone\.jpg does not exist", id="gone"),
        pytest.param(b"1,2,3,4\n", r"all\.txt:1: .* lists files, addresses or", id="results"),
        pytest.param(b"# none\n", "lists no source", id="empty"),
        pytest.param(b"\xff\xfe\x00", "save it as UTF-8", id="no text"),
    ],
)
def test_a_list_that_is_none_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(folder)
    Path("all.txt").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        build.inputs(["all.txt"])


@pytest.mark.parametrize("source", ["[ab].mp4", "all.txt"])
def test_several_sources_are_not_one_in_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(folder)
    for video in ("a.mp4", "b.mp4"):
        (folder / video).touch()
    Path("all.txt").write_text("a.mp4\nb.mp4\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is 2 sources, .*a\.mp4 the first: track one"):
        next(iter(sightline.track(source, "people")))


def test_absolute_and_relative_pictures_may_be_mixed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("all.txt").write_text(f"few/0.jpg\n{folder}/many/1.jpg\n", encoding="utf-8")
    (found,) = build.inputs(["all.txt"])
    assert len(found.source) == 2  # type: ignore[arg-type]

"""After a run: exactly what it wrote, where, and how large."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.build.files.uses import FileUse
from sightline.build.files.written import WrittenFiles, of_configuration, size_in_words
from sightline.cli.terminal.progress import show_written
from sightline.config import Configuration

PICTURE = r".*-\d{6}\.jpg"


def test_what_was_written_is_said_with_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = WrittenFiles(
        [
            FileUse(f"{tmp_path}/a.csv", "--csv"),
            FileUse(str(tmp_path), "--output", pattern=PICTURE),
            FileUse(str(tmp_path), "--crops", pattern=PICTURE, below=True),
            FileUse(f"{tmp_path}/none.db", "--db"),
            FileUse("-", "--json"),
        ]
    )
    (tmp_path / "a.csv").write_bytes(b"x" * 2_500_000)
    (tmp_path / "cam" / "person").mkdir(parents=True)
    for name in ("a-000001.jpg", "a-000002.jpg", "else.jpg", "cam/person/1-000003.jpg"):
        (tmp_path / name).write_bytes(b"x" * 10_000)
    show_written(files)
    assert capsys.readouterr().err.splitlines() == [
        f"--csv: {tmp_path}/a.csv (2.50 MB)",
        f"--output: {tmp_path} (2 files, 20.0 kB)",
        f"--crops: {tmp_path} (3 files, 30.0 kB)",
    ]


def test_older_files_are_not_named(tmp_path: Path) -> None:
    for name in ("old.mp4", "old.csv", "again.csv", "a-000001.jpg", "a-000002.jpg"):
        (tmp_path / name).write_text("of an earlier run")
    files = WrittenFiles(
        [
            FileUse(f"{tmp_path}/old.mp4", "--output"),
            FileUse(f"{tmp_path}/old.csv", "--csv"),
            FileUse(f"{tmp_path}/again.csv", "--csv"),
            FileUse(str(tmp_path), "--output", pattern=PICTURE),
        ]
    )
    assert files.found() == []
    (tmp_path / "a-000003.jpg").write_text("new")
    (tmp_path / "a-000001.jpg").unlink()
    with (tmp_path / "again.csv").open("a") as file:
        file.write("more")
    assert list(map(str, files.found())) == [
        f"--csv: {tmp_path}/again.csv (21 bytes)",
        f"--output: {tmp_path} (1 file, 3 bytes)",
    ]


def test_a_file_that_takes_a_free_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "cam.mp4").write_text("of an earlier run")
    files = WrittenFiles([FileUse(f"{tmp_path}/cam.mp4", "--output")])
    (tmp_path / "cam-2.mp4").write_text("new")
    assert list(map(str, files.found())) == [f"--output: {tmp_path}/cam-2.mp4 (3 bytes)"]


def test_streams_that_share_a_file_are_one_line(tmp_path: Path) -> None:
    outputs = {"csv": f"{tmp_path}/all.csv", "annotated": f"{tmp_path}/films/"}
    streams = {name: {"source": "street://", "outputs": outputs} for name in ("a", "b")}
    (tmp_path / "films").mkdir()
    files = WrittenFiles(
        of_configuration(Configuration(models={"m": {"model": "street"}}, streams=streams))
    )
    (tmp_path / "all.csv").write_text("12")
    (tmp_path / "films" / "b.mp4").write_text("123")
    assert list(map(str, files.found())) == [
        f"csv: {tmp_path}/all.csv (2 bytes)",
        f"annotated: {tmp_path}/films/b.mp4 (3 bytes)",
    ]


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1200, "1.2 kB"), (3_456_000, "3.46 MB")],
)
def test_sizes_are_readable(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_a_file_that_two_streams_may_have_written_is_told_once(tmp_path: Path) -> None:
    uses = [FileUse(f"{tmp_path}/{name}.mp4", "--output") for name in ("x", "x-2")]
    files = WrittenFiles(uses)
    for name in ("x", "x-2"):
        (tmp_path / f"{name}.mp4").write_text("new")
    assert list(map(str, files.found())) == [
        f"--output: {tmp_path}/x.mp4 (3 bytes)",
        f"--output: {tmp_path}/x-2.mp4 (3 bytes)",
    ]

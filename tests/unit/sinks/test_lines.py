"""Files of lines that are shared, removed, renamed and emptied while they are written."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from pathlib import Path

import pytest

from sightline.errors import SinkError
from sightline.sinks import lines
from sightline.sinks.lines import LineFile, begin


def _write_many(path: Path, word: str) -> None:
    file = LineFile(path, join=True, header="head\n")
    for number in range(200):
        file.write(f"{word} {number} {'x' * 500}\n")
    file.close()


def test_processes_join_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("of an earlier run\n")
    begin(path, append=False)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, word)) for word in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = path.read_text().splitlines()
    assert found[0] == "head"
    assert found.count("head") == 1
    for word in "abc":
        own = [line.split()[1] for line in found if line.startswith(word)]
        assert own == list(map(str, range(200)))


@pytest.mark.parametrize("how", ["removed", "folder removed"])
def test_a_removed_file_is_begun_anew(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "CHECK_S", 0.0)
    path = tmp_path / "out" / "a.csv"
    file = LineFile(path, header="head\n")
    file.write("1\n")
    if how == "removed":
        path.unlink()
    else:
        shutil.rmtree(path.parent)
    file.write("2\n")
    # What was written since the path was last looked at is written again.
    assert path.read_text() == "head\n1\n2\n"


def test_a_renamed_file_keeps_what_was_written_and_a_new_one_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    path, old = tmp_path / "a.csv", tmp_path / "a.csv.1"
    file = LineFile(path, header="head\n")
    file.write("1\n")
    path.rename(old)
    file.write("2\n")
    assert not path.exists(), "it is looked at twice a second only"
    now += lines.CHECK_S
    file.write("3\n")
    assert (old.read_text(), path.read_text()) == ("head\n1\n2\n", "head\n3\n")
    path.rename(old)
    path.write_text("")  # as logrotate's `create` does
    now += lines.CHECK_S
    file.write("4\n")
    assert (old.read_text(), path.read_text()) == ("head\n3\n", "head\n4\n")


def test_an_emptied_file_has_no_hole_and_gets_its_header_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    file = LineFile(path, header="head\n")
    file.write("1\n")
    path.write_bytes(b"")
    file.write("2\n")
    assert path.read_bytes() == b"head\n2\n"


def test_reopen_goes_on_with_what_is_at_the_path(tmp_path: Path) -> None:
    path, old = tmp_path / "a", tmp_path / "a.1"
    file = LineFile(path)
    file.write("1\n")
    path.rename(old)
    file.reopen()
    file.write("2\n")
    file.reopen()
    file.write("3\n")
    assert (old.read_text(), path.read_text()) == ("1\n", "2\n3\n")


def test_a_file_that_cannot_be_begun_anew_says_so_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "CHECK_S", 0.0)
    folder = tmp_path / "out"
    file = LineFile(folder / "a")
    shutil.rmtree(folder)
    folder.touch()
    for _ in range(2):
        with pytest.raises(SinkError, match=r"in the way|not a folder"):
            file.write("lost\n")
    folder.unlink()
    file.write("kept\n")
    assert (folder / "a").read_text() == "kept\n"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for target in (tmp_path, f"{tmp_path}/new/"):
        with pytest.raises(SinkError, match="it is a folder"):
            LineFile(target)
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import whole_files
from sightline.errors import ConfigError, SinkError
from sightline.sinks.files import output_path
from sightline.whole_files import (
    check_text,
    move_into_place,
    safe_name,
    scratch_beside,
    sink_error,
    writable_folder,
    write_whole,
)


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        pytest.param("car-detection", "car-detection", id="plain"),
        pytest.param("cam 1", "cam_1-", id="space"),
        pytest.param("bus.jpg", "bus.jpg", id="picture"),
        pytest.param("cam.1", "cam.1", id="dot"),
        pytest.param("Straße_5", "Straße_5", id="letters"),
        pytest.param("../../etc/passwd", "etc_passwd-", id="traversal"),
        pytest.param("..", "stream-", id="parent"),
        pytest.param("", "stream-", id="empty"),
        pytest.param("/a", "a-", id="absolute"),
        pytest.param("rtsp://cam/1", "rtsp_cam_1-", id="url"),
    ],
)
def test_names(stream, name):
    made = safe_name(stream)
    assert made == name if not name.endswith("-") else made.startswith(name)


@given(st.text())
def test_a_name_stays_in_its_folder(stream):
    name = safe_name(stream)
    assert name
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert len(name.encode()) < 200
    assert output_path("/tmp/", stream, ".x").parent == Path("/tmp")


@given(st.text(alphabet="a/._ ", max_size=6), st.text(alphabet="a/._ ", max_size=6))
def test_two_streams_never_share_a_name(one, other):
    if one != other:
        assert safe_name(one) != safe_name(other)


def test_an_unknown_failure_keeps_its_own_words():
    error = OSError(errno.ENXIO, "No such device or address")
    assert str(sink_error("x", error)) == "cannot write x: No such device or address"


@pytest.mark.parametrize("name", ["n" * 251 + ".txt", "é" * 125 + "a.txt", "a.txt"])
def test_a_file_has_the_longest_name_that_there_is(tmp_path, name):
    write_whole(tmp_path / name, b"whole")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(name, b"whole")]


def test_a_name_that_is_no_text_is_told_where_text_is_needed():
    check_text("é.onnx", "a package")
    with pytest.raises(ConfigError, match="is not UTF-8, and cannot stand in a package: rename it"):
        check_text(os.fsdecode(b"caf\xe9.onnx"), "a package")


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    with pytest.raises(SinkError, match="its name is too long: choose a shorter one"):
        write_whole(tmp_path / ("n" * 256), b"")
    assert not list(tmp_path.iterdir())


def test_a_link_at_the_draft_of_a_file_is_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    (tmp_path / ".a.jpg.0.part").symlink_to(kept)
    write_whole(tmp_path / "a.jpg", b"new")
    assert (kept.read_bytes(), (tmp_path / "a.jpg").read_bytes()) == (b"kept", b"new")


def test_two_may_write_one_file_at_the_same_moment(tmp_path, monkeypatch):
    """Both succeed, and the file is that of one of them: each has a draft of its own."""
    path, others = tmp_path / "a.jpg", [b"second"]
    write = whole_files._write

    def then_another(part, data):
        write(part, data)
        if others:  # before this draft takes its place
            write_whole(path, others.pop())

    monkeypatch.setattr(whole_files, "_write", then_another)
    write_whole(path, b"first")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.jpg", b"first")]


KILLED = """
import os, signal, sys
from pathlib import Path
from sightline import whole_files
place = Path(sys.argv[1])
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "file":
    whole_files._write = killed
    whole_files.write_whole(place, b"never whole")
else:
    with whole_files.scratch_beside(place) as folder:
        (folder / "half").touch()
        killed()
"""


def killed_writer(place, kind):
    done = subprocess.run([sys.executable, "-c", KILLED, str(place), kind], check=False, timeout=60)
    assert done.returncode == -9


def drafts(folder):
    return [file.name for file in folder.iterdir() if file.name.endswith(".part")]


@pytest.fixture
def being_written(tmp_path, monkeypatch):
    """Writes another draft of a file while that is written, and what happens meanwhile."""
    write = whole_files._write

    def during(act):
        def acting(descriptor, data):
            write(descriptor, data)
            monkeypatch.setattr(whole_files, "_write", write)
            act()

        monkeypatch.setattr(whole_files, "_write", acting)
        write_whole(tmp_path / "a.jpg", b"first")

    return during


def test_what_a_killed_writer_has_left_goes_with_the_next_one(tmp_path, being_written):
    killed_writer(tmp_path / "a.jpg", "file")
    assert drafts(tmp_path) == [".a.jpg.0.part"]
    # Two wrote at once, and both were killed: the second has another number.
    being_written(lambda: killed_writer(tmp_path / "a.jpg", "file"))
    assert drafts(tmp_path) == [".a.jpg.1.part"]
    write_whole(tmp_path / "a.jpg", b"whole")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.jpg": b"whole"}


def test_what_killed_writers_have_left_goes_when_a_folder_is_opened(tmp_path, being_written):
    killed_writer(tmp_path / "b.jpg", "file")
    (tmp_path / ".own.part").touch()
    (tmp_path / ".c.jpg.0.part").symlink_to(tmp_path / ".own.part")
    # The draft that is being written stays.
    being_written(lambda: writable_folder(tmp_path))
    assert (tmp_path / "a.jpg").read_bytes() == b"first"
    assert sorted(drafts(tmp_path)) == [".c.jpg.0.part", ".own.part"]


def test_what_a_killed_maker_of_a_folder_has_left_goes_with_the_next_one(tmp_path):
    (tmp_path / ".gate.personal").mkdir()
    killed_writer(tmp_path / "gate", "folder")
    assert len(drafts(tmp_path)) == 1
    with scratch_beside(tmp_path / "gate") as first, scratch_beside(tmp_path / "gate") as second:
        assert sorted(drafts(tmp_path)) == sorted([first.name, second.name])
    assert [file.name for file in tmp_path.iterdir()] == [".gate.personal"]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "data.yaml").write_text("mine")
    (tmp_path / "made").write_text("archive")
    with pytest.raises(SinkError, match="it is a folder: give the name of a file"):
        move_into_place(tmp_path / "made", tmp_path / "hard")
    assert (tmp_path / "hard" / "data.yaml").read_text() == "mine"

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import whole_files
from sightline.errors import SinkError
from sightline.sinks.files import free_path, output_path
from sightline.whole_files import safe_name, sink_error, write_whole


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


def test_a_path_beside_those_that_are_there(tmp_path):
    for name in ("cam.1.mp4", "cam.1-2.mp4", "cam.1-3.mp4"):
        path = free_path(tmp_path / "cam.1.mp4")
        assert path == tmp_path / name
        path.touch()


@pytest.mark.parametrize("name", ["n" * 251 + ".txt", "é" * 125 + "a.txt", "a.txt"])
def test_a_file_has_the_longest_name_that_there_is(tmp_path, name):
    write_whole(tmp_path / name, b"whole")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(name, b"whole")]


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    with pytest.raises(SinkError, match="its name is too long: choose a shorter one"):
        write_whole(tmp_path / ("n" * 256), b"")
    assert not list(tmp_path.iterdir())


def test_a_link_at_the_draft_of_a_file_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_files, "_NUMBERS", itertools.count(7))
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    (tmp_path / f".a.jpg.{os.getpid()}-7.part").symlink_to(kept)
    with pytest.raises(SinkError, match="a link is in the way"):
        write_whole(tmp_path / "a.jpg", b"new")
    assert kept.read_bytes() == b"kept"
    write_whole(tmp_path / "a.jpg", b"new")  # the link is gone with the first attempt
    assert (tmp_path / "a.jpg").read_bytes() == b"new"


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

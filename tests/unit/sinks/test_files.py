from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.sinks.files import free_path, output_path
from sightline.whole_files import safe_name, sink_error


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

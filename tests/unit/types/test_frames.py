"""One picture of one stream."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from sightline.types import ChannelOrder, Frame, Pixels
from sightline.types.frames import file_of


class CountingPicture:
    """A grey picture that counts how often pixels were made of it."""

    width, height = 6, 4

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, ChannelOrder]] = []

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        self.calls.append((width, height, order))
        out = np.empty((height, width, 3), np.uint8) if out is None else out
        out[:] = 9
        return out


def test_a_frame_makes_pixels_only_when_asked_and_keeps_the_full_picture() -> None:
    picture = CountingPicture()
    frame = Frame("street", 0, 0.0, 0.0, picture)
    assert (frame.width, frame.height) == (6, 4)
    assert "picture" not in repr(frame)
    assert picture.calls == []
    assert frame.image is frame.image
    assert picture.calls == [(6, 4, "bgr")]
    out = np.zeros((2, 3, 3), np.uint8)
    assert frame.scaled(3, 2, "rgb", out) is out
    assert picture.calls[1:] == [(3, 2, "rgb")]


def test_what_was_made_of_the_picture_is_not_pickled() -> None:
    frame = Frame("street", 3, 0.12, 5.0, CountingPicture(), utc=100.0, clock="rtcp")
    assert frame.image.shape == (4, 6, 3)
    other = copy.copy(frame)
    assert "image" not in other.__dict__
    assert (other.stream, other.index, other.utc, other.clock) == ("street", 3, 100.0, "rtcp")
    assert other.picture is frame.picture


@pytest.mark.parametrize(("utc", "at"), [(None, None), (1000.0, 1002.5)])
def test_the_wall_clock_of_another_moment(utc: float | None, at: float | None) -> None:
    frame = Frame("street", 0, 10.0, 0.0, CountingPicture(), utc=utc)
    assert frame.utc_at(12.5) == at


def test_a_part_keeps_its_place_in_the_stream() -> None:
    frame = Frame("street", 7, 0.28, 1.0, CountingPicture())
    part = frame.cropped(1, 2, 5, 4)
    assert (part.stream, part.index, part.time) == ("street", 7, 0.28)
    assert (part.width, part.height) == (4, 2)
    assert part.image.shape == (2, 4, 3)


@pytest.mark.parametrize("box", [(0, 0, 7, 4), (-1, 0, 6, 4), (3, 1, 3, 4), (0, 3, 6, 2)])
def test_a_part_lies_within_the_frame(box: tuple[int, int, int, int]) -> None:
    frame = Frame("street", 0, 0.0, 0.0, CountingPicture())
    with pytest.raises(ValueError, match="6"):
        frame.cropped(*box)


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("rtsp://camera.lan/gate", "gate-000003.jpg"),
        ("/pictures/bus.png", "bus-000003.jpg"),
        ("a b?", None),
        ("..", None),
    ],
)
def test_the_file_of_a_frame_is_called_like_its_stream(
    stream: str, name: str | None, tmp_path: Path
) -> None:
    frame = Frame(stream, 3, 0.0, 0.0, CountingPicture())
    saved = frame.save(f"{tmp_path}/")
    assert saved.parent == tmp_path
    assert name is None or saved.name == name
    assert saved.name.endswith("-000003.jpg")
    assert saved.read_bytes()[:2] == b"\xff\xd8"


def test_a_picture_that_was_read_from_a_file_knows_it() -> None:
    frame = Frame("bus", 0, 0.0, 0.0, CountingPicture())
    assert file_of(frame) == "bus"
    frame.picture.source = Path("/pictures/bus.jpg")  # type: ignore[attr-defined]
    assert file_of(frame) == Path("/pictures/bus.jpg")


def test_what_stands_elsewhere_is_told() -> None:
    frame = Frame("street", 0, 0.0, 0.0, CountingPicture())
    with pytest.raises(AttributeError, match=r"has no attribute 'widht'"):
        _ = frame.widht

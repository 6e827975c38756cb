"""Animations are videos where FFmpeg can play them; else what is left out is said."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline import build
from sightline.build.sources import source_kind
from sightline.sources.images import read_image
from sightline.sources.stills import frame_reference, still_frame

PIL_Image = pytest.importorskip("PIL.Image", reason="Pillow writes the animations")

DURATIONS_MS = [100, 200, 300, 100]
TIMES_S = [0.0, 0.1, 0.3, 0.6]


def animation(path: Path) -> Path:
    """Pictures that get lighter, each shown for its own time."""
    first, *others = (PIL_Image.new("RGB", (64, 48), (60 * i, 60 * i, 60 * i)) for i in range(4))
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=DURATIONS_MS,
        format=FORMATS[path.suffix],
    )
    return path


FORMATS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.apng"])
def test_an_animation_is_played_at_its_own_times(name: str, tmp_path: Path) -> None:
    (given,) = build.inputs([str(animation(tmp_path / name))])
    assert (given.kind, given.name, given.still) == ("file", "a", False)
    frames = list(given.source)
    assert [frame.time for frame in frames] == pytest.approx(TIMES_S, abs=0.005)
    assert [int(frame.image.mean()) for frame in frames] == pytest.approx([0, 60, 120, 180], abs=4)


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_who_reads_the_first_picture_only_is_told(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_image(animation(tmp_path / name)).shape == (48, 64, 3)
    assert f"{name} is an animation, of which the first picture is read" in caplog.text


def test_who_reads_it_again_is_not_told_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = animation(tmp_path / "a.png")
    frame = still_frame(path)
    seen = frame_reference(str(path), frame)()
    assert seen is not None
    assert seen.image.shape == (48, 64, 3)
    assert caplog.text.count("is an animation") == 1


@pytest.mark.parametrize("name", ["still.png", "still.webp", "one.png"])
def test_one_picture_is_no_animation(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    if name == "one.png":  # which says that it has one
        still = bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1])
        chunk = (8).to_bytes(4, "big") + b"acTL" + (1).to_bytes(4, "big") + bytes(8)
        path.write_bytes(still[:33] + chunk + still[33:])
    else:
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    assert source_kind(str(path)) == "images"
    with caplog.at_level(logging.WARNING):
        read_image(path)
    assert not caplog.text


def test_a_picture_that_is_not_there_is_no_animation(tmp_path: Path) -> None:
    assert source_kind(str(tmp_path / "none.png")) == "images"

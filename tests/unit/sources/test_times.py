"""Times of frames in files as people have them, beside what ffprobe says of the same file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from sightline.sources.file import FileSource

TOOLS = ("ffmpeg", "ffprobe")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason="needs ffmpeg and ffprobe"
)

H264 = "-c:v libx264 -preset ultrafast -bf 3 -g 12"
VARIABLE = "select=not(mod(n\\,3))+gt(n\\,20)"


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, timeout=60)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 10 FPS, without loss."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    source = "testsrc2=size=64x48:rate=10:duration=3"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture(scope="module")
def reordered(film: Path) -> Path:
    """The same as H.264 with B-frames."""
    path = film.with_name("reordered.mp4")
    ffmpeg("-i", film, *H264.split(), path)
    return path


def expected(path: Path) -> list[float | None]:
    """What ffprobe says of each frame; None where it says nothing."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json", "-show_entries",
        "frame=best_effort_timestamp_time", str(path)]  # fmt: skip
    said = json.loads(subprocess.check_output(command, timeout=60))["frames"]
    times = [frame.get("best_effort_timestamp_time") for frame in said]
    return [None if time is None else float(time) for time in times]


def check(path: Path, frames: int | None) -> list[float]:
    source = FileSource(path)
    seen = [(frame.index, frame.time) for frame in source]
    times = [time for _, time in seen]
    said = expected(path)
    first = next(time for time in said if time is not None)
    assert len(times) == len(said)
    assert frames is None or len(times) == frames
    assert [index for index, _ in seen] == list(range(len(seen)))
    for mine, other in zip(times, said, strict=True):
        assert other is None or mine == pytest.approx(other - first, abs=0.0011)
    assert times[0] == 0
    assert all(before < after for before, after in pairwise(times))
    return times


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.mp4", H264),
        ("b.mkv", H264),
        ("b.ts", H264),
        ("b.flv", H264),
        ("b.avi", H264),
        ("b.asf", H264),
        ("mpeg4.mp4", "-c:v mpeg4 -bf 2"),
        ("mpeg4.avi", "-c:v mpeg4 -bf 2 -vtag DIVX"),
        ("mjpeg.avi", "-c:v mjpeg"),
        ("wmv2.wmv", "-c:v wmv2"),
        ("mpeg2.mpg", "-c:v mpeg2video -bf 2 -r 25"),
        ("mpeg2.avi", "-c:v mpeg2video -bf 2 -r 25"),
    ],
    ids=lambda value: value if "." in value else "",
)
def test_b_frames_in_every_container(film: Path, tmp_path: Path, name: str, options: str) -> None:
    path = tmp_path / name
    ffmpeg("-i", film, *options.split(), path)
    times = check(path, None if "mpeg2" in name else 30)
    if "mpeg2" not in name:  # the last frames too, of which ffprobe may say nothing
        assert times == pytest.approx([i / 10 for i in range(30)], abs=0.0011)


@pytest.mark.parametrize(
    ("name", "options", "frames"),
    [
        pytest.param("late.mp4", "-itsoffset 7 -i {} -c copy", 30, id="starts late"),
        pytest.param("edit.mp4", "-ss 1.3 -i {} -c copy", None, id="edit list"),
        pytest.param("wrap.ts", "-i {} -c copy -output_ts_offset 95441.5", 30, id="wrapping"),
        pytest.param("frag.mp4", "-i {} -c copy -movflags frag_keyframe+empty_moov", 30, id="fragments"),
        pytest.param("v.mp4", "-i {} -vf " + VARIABLE + " -vsync vfr " + H264, None, id="variable"),
        pytest.param("v.avi", "-i {} -vf " + VARIABLE + " -vsync vfr " + H264, None, id="variable AVI"),
        pytest.param("v.mkv", "-i {} -vf " + VARIABLE + " -vsync vfr " + H264, None, id="variable MKV"),
        pytest.param("live.mkv", "-i {} -c copy -live 1", 30, id="no duration"),
    ],
)  # fmt: skip
def test_odd_timestamps(
    reordered: Path, tmp_path: Path, name: str, options: str, frames: int | None
) -> None:
    path = tmp_path / name
    arguments: Sequence[str] = [part.format(reordered) for part in options.split()]
    ffmpeg(*arguments, path)
    check(path, frames)


def test_frames_before_the_start_are_kept_in_order(reordered: Path, tmp_path: Path) -> None:
    path = tmp_path / "negative.mkv"
    ffmpeg("-itsoffset", "-1.5", "-i", reordered, "-c", "copy", "-avoid_negative_ts", "disabled", path)  # fmt: skip
    times = [frame.time for frame in FileSource(path)]
    assert times == pytest.approx([i / 10 for i in range(30)], abs=0.0011)

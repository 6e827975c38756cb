from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from sightline.errors import SinkError
from sightline.sinks.video import VideoSink
from sightline.types import StreamInfo


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(frame.time, 4) for frame in container.decode(video=0)]


def write(path, observations, info) -> None:
    sink = VideoSink(path)
    sink.open(info)
    for observation in observations:
        sink.write(observation)
    sink.close()


def test_frames_keep_their_times(observe, tmp_path: Path):
    irregular = [0.0, 0.04, 0.3, 0.31, 1.5, 1.9]
    seen = [observe(index=i, time=at) for i, at in enumerate(irregular)]
    write(tmp_path / "out.mp4", seen, StreamInfo("cam", 96, 64, 25.0))
    assert times(tmp_path / "out.mp4") == irregular


def test_a_clean_file_is_a_plain_mp4_with_rate_and_duration(observe, tmp_path: Path):
    seen = [observe(index=i, time=i / 10) for i in range(30)]
    write(tmp_path / "out.mp4", seen, StreamInfo("cam", 96, 64, 10.0))
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.codec.name, video.pix_fmt, video.frames) == ("h264", "yuv420p", 30)
        assert video.average_rate == 10
        assert container.duration == pytest.approx(3_000_000, abs=100_000)
        assert int(video.codec_context.colorspace) == 1  # BT.709


def test_frames_at_one_time_are_all_kept(observe, tmp_path: Path):
    seen = [observe(index=i, time=0.5) for i in range(5)]
    write(tmp_path / "out.mp4", seen, StreamInfo("cam", 96, 64, 25.0))
    assert len(times(tmp_path / "out.mp4")) == 5


def test_colours_and_drawings_survive(observe, tmp_path: Path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[:] = (200, 60, 20)
    boxes = [[40, 30, 80, 60, 0.9, 2, 3]]
    write(
        tmp_path / "out.mp4", [observe(image=image, boxes=boxes)], StreamInfo("cam", 96, 64, 25.0)
    )
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    shown = frame.reformat(src_colorspace="ITU709", format="bgr24").to_ndarray()
    np.testing.assert_allclose(shown[62, 5], (200, 60, 20), atol=6)
    assert np.abs(shown[45, 39:42].astype(int) - (200, 60, 20)).max() > 60


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param((97, 65), (96, 64), id="odd"),
        pytest.param((96, 63), (96, 62), id="odd height"),
        pytest.param((1, 1), (2, 2), id="one pixel"),
    ],
)
def test_odd_sizes(observe, tmp_path: Path, size, expected):
    write(tmp_path / "out.mp4", [observe(size=size)], StreamInfo("cam", *size, 25.0))
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == expected


def test_a_new_picture_size_is_scaled_to_the_first(observe, tmp_path: Path):
    seen = [observe(index=0), observe(index=1, size=(48, 32)), observe(index=2, size=(200, 50))]
    write(tmp_path / "out.mp4", seen, StreamInfo("cam", 96, 64, None))
    with av.open(str(tmp_path / "out.mp4")) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(96, 64)] * 3


def test_one_file_per_stream_in_a_folder(observe, tmp_path: Path):
    sink = VideoSink(f"{tmp_path}/many/")
    for name in ("north", "../south"):
        sink.open(StreamInfo(name, 96, 64, 25.0))
        sink.write(observe(name))
    sink.close()
    north, south = sorted((tmp_path / "many").iterdir())
    assert north.name == "north.mp4"
    assert south.name.startswith("south-")
    assert [len(times(file)) for file in (north, south)] == [1, 1]


def test_a_video_without_frames_leaves_no_file(tmp_path: Path):
    write(tmp_path / "out.mp4", [], StreamInfo("cam", 96, 64, 25.0))
    assert list(tmp_path.iterdir()) == []


def test_a_second_stream_needs_a_folder(tmp_path: Path):
    sink = VideoSink(tmp_path / "out.mp4")
    sink.open(StreamInfo("a", 96, 64))
    with pytest.raises(SinkError, match=r"one stream; give a folder instead \(.*out.mp4/\)"):
        sink.open(StreamInfo("b", 96, 64))
    sink.close()


def test_unrelated_pictures_make_no_video(tmp_path: Path):
    with pytest.raises(SinkError, match="give a folder for annotated pictures"):
        VideoSink(tmp_path / "out.mp4").open(StreamInfo("a", 96, 64, still=True))


def test_a_failure_while_drawing_reaches_the_caller(observe, tmp_path: Path):
    sink = VideoSink(tmp_path / "out.mp4")
    sink.open(StreamInfo("cam", 96, 64, 25.0))
    good, bad = observe(index=0), observe(index=1)
    bad.frame.picture = None  # type: ignore[assignment]
    sink.write(good)
    sink.write(bad)
    with pytest.raises(AttributeError):
        sink.close()
    sink.close()


CONTAINERS = {
    ".mp4": ("mp4", "h264"), ".mov": ("mov", "h264"), ".mkv": ("matroska", "h264"),
    ".webm": ("webm", "vp9"), ".avi": ("avi", "mpeg4"), "": ("mp4", "h264"), ".MKV": ("matroska", "h264"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_kind_of_file_is_what_its_name_says(observe, tmp_path: Path, suffix: str):
    path = tmp_path / f"out{suffix}"
    at = [0.0, 0.04, 0.08, 0.4, 0.44]
    write(
        path, [observe(index=i, time=t) for i, t in enumerate(at)], StreamInfo("cam", 96, 64, 25.0)
    )
    form, codec = CONTAINERS[suffix]
    with av.open(str(path)) as container:
        assert form in container.format.name.split(",")
        assert container.streams.video[0].codec.name == codec
    found = times(path)
    assert [round(t - found[0], 2) for t in found] == at


@pytest.mark.parametrize("name", ["out.txt", "out.gif", "out.mpg", "out.jpg", "out.mp4.bak"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str):
    with pytest.raises(SinkError, match=r"no kind of video.*\.webm"):
        VideoSink(tmp_path / name)

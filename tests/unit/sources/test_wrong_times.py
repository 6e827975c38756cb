"""Recordings whose unit of time or whose timestamps are wrong: all frames come, at times that make sense."""

from __future__ import annotations

import logging
import shutil
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest

from sightline.sources.file import FileSource
from sightline.sources.live import LiveSource

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")

FRAMES, FPS = 60, 12.5
Patch = Callable[[bytearray], None]


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, timeout=60)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames at 12.5 FPS as H.264 with B-frames, which tells its rate itself, in an MP4 with an edit list."""
    path = tmp_path_factory.mktemp("times") / "good.mp4"
    source = f"testsrc2=size=64x48:rate={FPS}"
    options = f"-frames:v {FRAMES} -c:v libx264 -preset ultrafast -bf 2 -g 20"
    ffmpeg("-f", "lavfi", "-i", source, *options.split(), path)
    return path


def scale(box: bytes, value: int) -> Patch:
    """The time scale of a header box (version 0) is another one."""

    def patch(data: bytearray) -> None:
        at = data.find(box) + 16
        data[at : at + 4] = struct.pack(">I", value)

    return patch


def durations(value: int) -> Patch:
    """All frames last so long (stts)."""

    def patch(data: bytearray) -> None:
        at = data.find(b"stts") + 8
        (count,) = struct.unpack(">I", data[at : at + 4])
        for entry in range(count):
            data[at + 8 + 8 * entry : at + 12 + 8 * entry] = struct.pack(">I", value)

    return patch


def seen(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[list[float], list[str], FileSource]:
    caplog.clear()
    source = FileSource(path)
    with caplog.at_level(logging.WARNING):
        times = [frame.time for frame in source]
    return times, [record.getMessage() for record in caplog.records], source


@pytest.mark.parametrize(
    ("patches", "told"),
    [
        pytest.param([scale(b"mdhd", 0)], "1,024 s apart", id="mdhd 0"),
        pytest.param([scale(b"mdhd", 1)], "1,024 s apart", id="mdhd 1"),
        pytest.param([scale(b"mdhd", 0xFFFFFFFF)], "1,024 s apart", id="mdhd above 2^31"),
        pytest.param([scale(b"mdhd", 0), scale(b"mvhd", 0)], "1,024 s apart", id="both 0"),
        pytest.param([scale(b"mvhd", 0)], None, id="mvhd 0"),
        pytest.param([durations(0)], "the same time (stts", id="no frame lasts"),
        pytest.param([durations(0x7FFFFFFF)], "167,772 s apart", id="frames last for days"),
        pytest.param([scale(b"mdhd", 0), durations(20)], "20 s apart", id="a short unit"),
        pytest.param([scale(b"mdhd", 0), durations(1)], "1 s apart", id="a unit of one frame"),
        pytest.param([], None, id="nothing wrong"),
    ],
)
def test_headers(
    good: Path, tmp_path: Path, patches: list[Patch], told: str | None, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    data = bytearray(good.read_bytes())
    for patch in patches:
        patch(data)
    path = tmp_path / "patched.mp4"
    path.write_bytes(data)
    times, messages, source = seen(path, caplog)
    assert times == pytest.approx([i / FPS for i in range(FRAMES)], abs=0.001)
    assert source.status.read == FRAMES
    if told is None:
        assert messages == []
    else:
        assert len(messages) == 1
        assert told in messages[0]
        assert messages[0].endswith("frames are read as 12.5 a second")


EQUAL, BACKWARDS = "pts=0:dts=0", "pts=100000-PTS:dts=100000-DTS"
GAP = "pts=PTS+gte(N\\,30)*{0}:dts=DTS+gte(N\\,30)*{0}"


@pytest.mark.parametrize(
    ("container", "expression", "told"),
    [
        *(pytest.param(kind, EQUAL, "do not advance at frame 2", id=f"equal {kind}")
          for kind in ("mkv", "ts", "flv", "nut", "mp4")),
        *(pytest.param(kind, BACKWARDS, "do not advance at frame", id=f"backwards {kind}")
          for kind in ("mkv", "ts", "flv", "nut", "mp4")),
        pytest.param("mkv", GAP.format(200_000 * 1_000), "jump by 200,000.1 s at frame 30", id="two days"),
        pytest.param("ts", GAP.format(14_000 * 90_000), "jump by 14,000.1 s at frame 30", id="hours in MPEG-TS"),
    ],
)  # fmt: skip
def test_timestamps(
    good: Path, tmp_path: Path, container: str, expression: str, told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / f"wrong.{container}"
    ffmpeg("-i", good, "-c", "copy", "-bsf:v", f"setts={expression}", "-copyts",
           "-avoid_negative_ts", "disabled", path)  # fmt: skip
    times, messages, source = seen(path, caplog)
    assert len(times) == FRAMES
    assert all(0 <= after - before < 0.2 for before, after in pairwise(times))
    assert times[-1] == pytest.approx((FRAMES - 1) / FPS, abs=0.2)
    assert len(messages) == 1
    assert told in messages[0]
    assert source.status.error is None


def test_a_gap_of_hours_is_kept(
    good: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "night.mp4"
    ffmpeg("-i", good, "-c", "copy", "-bsf:v", f"setts={GAP.format(50_000 * 12_800)}", path)
    times, messages, _ = seen(path, caplog)
    assert len(times) == FRAMES
    assert times[-1] == pytest.approx(50_000 + (FRAMES - 1) / FPS, abs=0.001)
    assert messages == []


def test_a_video_that_tells_no_rate_has_that_of_its_duration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mjpeg.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10", "-frames:v", "60", "-c:v", "mjpeg", path
    )
    data = bytearray(path.read_bytes())
    scale(b"mdhd", 0)(data)
    path.write_bytes(data)
    times, messages, _ = seen(path, caplog)
    assert times == pytest.approx([i / 10 for i in range(60)])
    assert len(messages) == 1


def test_a_recording_behind_http_is_read_alike(
    good: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(good.read_bytes())
    scale(b"mdhd", 0)(data)
    (tmp_path / "patched.mp4").write_bytes(data)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/patched.mp4"
        with caplog.at_level(logging.WARNING):
            times = [frame.time for frame in LiveSource(url)]
        server.shutdown()
    assert times == pytest.approx([i / FPS for i in range(FRAMES)])
    assert [
        record.getMessage() for record in caplog.records if "1,024 s apart" in record.getMessage()
    ]

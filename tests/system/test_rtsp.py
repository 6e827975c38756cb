"""RTSP against a real server: played, killed, stopped, locked, too fast."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest
from tests.ports import free_port

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.ffmpeg import DecodedFrame, VideoReader
from sightline.sources.live import LiveSource
from sightline.types import Frame, SourceState

PYTHON = Path("/usr/bin/python3")
SCRIPT = Path(__file__).with_name("rtsp_server.py")
FPS = 60
NEEDED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert all(Gst.ElementFactory.find(e) for e in ('qtdemux', 'h264parse', 'rtph264pay'))"
)

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds at 60 FPS: grey, with a bar that walks to the right. A key frame a second."""
    if (
        not PYTHON.exists()
        or subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False).returncode
    ):
        pytest.skip(
            "no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi "
            "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
        )
    path = tmp_path_factory.mktemp("rtsp") / "street.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = FPS
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for index in range(20 * FPS):
            pixels = np.full((240, 320, 3), 128, np.uint8)
            pixels[:, index % 300 : index % 300 + 20] = (0, 0, 255)
            frame = av.VideoFrame.from_ndarray(pixels, "bgr24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(video: Path, port: int) -> Iterator[Start]:
    """Starts the server, with a login where one is given, and waits until it listens."""
    running: list[subprocess.Popen[bytes]] = []

    def run(*login: str) -> subprocess.Popen[bytes]:
        command = [str(PYTHON), str(SCRIPT), str(video), str(port), *login]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        running.append(server)
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        return server

    yield run
    for server in running:
        server.kill()
        server.wait(10)
        assert server.stdout is not None
        server.stdout.close()


@pytest.fixture
def source(port: int) -> Iterator[LiveSource]:
    options = LiveOptions(stall_timeout_s=2.0, backoff_max_s=1.0)
    live = LiveSource(f"rtsp://127.0.0.1:{port}/live", "street", options)
    yield live
    live.close()


class Reading:
    """Reads a source in a thread and keeps the times."""

    def __init__(self, source: LiveSource) -> None:
        self.frames: list[Frame] = []
        self.seen_at = 0.0
        self.thread = Thread(target=self._run, args=(source,), daemon=True)
        self.thread.start()

    def _run(self, source: LiveSource) -> None:
        for frame in source:
            self.frames.append(frame)
            self.seen_at = time.monotonic()


def wait_for(condition: Callable[[], object], what: str, timeout_s: float) -> float:
    """Seconds until ``condition`` held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - started


def test_plays(start: Start, source: LiveSource) -> None:
    start()
    info = source.open()
    assert (info.name, info.width, info.height, info.live) == ("street", 320, 240, True)
    assert info.fps == pytest.approx(FPS, rel=0.05)
    frames = [frame for frame, _ in zip(source, range(60), strict=False)]
    assert [frame.index for frame in frames] == list(range(60))
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    took = frames[-1].captured_at - frames[5].captured_at
    assert times[-1] - times[5] == pytest.approx(took, abs=0.5)
    bar = np.abs(frames[-1].image.astype(int) - (0, 0, 255)).sum(2) < 120
    assert bar.sum() == pytest.approx(20 * 240, rel=0.15)


def test_killed_and_restarted(start: Start, source: LiveSource) -> None:
    server = start()
    source.open()
    reading = Reading(source)
    wait_for(lambda: len(reading.frames) > 5, "frames", 5)
    server.kill()
    server.wait(10)
    wait_for(lambda: source.status.state is SourceState.RECONNECTING, "loss noticed", 5)
    time.sleep(1.5)  # so long that the pauses have grown to their limit
    assert source.status.error is not None
    before = len(reading.frames)
    start()
    took = wait_for(lambda: len(reading.frames) > before, "the first frame after it is back", 3)
    assert took <= 3
    status = source.status
    assert (status.state, status.reconnects, status.error) == (SourceState.RUNNING, 1, None)
    times = [frame.time for frame in reading.frames]
    assert times == sorted(times)
    assert times[before] - times[before - 1] == pytest.approx(1.5 + took, abs=1)


def test_stopped_silently(start: Start, source: LiveSource) -> None:
    server = start()
    source.open()
    reading = Reading(source)
    wait_for(lambda: len(reading.frames) > 5, "frames", 5)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        took = wait_for(
            lambda: source.status.state is SourceState.RECONNECTING, "the stall is noticed", 5
        )
        assert 1 < took <= 3
    finally:
        os.kill(server.pid, signal.SIGCONT)
    before = len(reading.frames)
    wait_for(lambda: len(reading.frames) > before + 5, "it goes on", 8)
    times = [frame.time for frame in reading.frames]
    assert times == sorted(times)


def test_login(start: Start, port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    start("joe", "geheim")
    right = LiveSource(f"rtsp://joe:geheim@127.0.0.1:{port}/live")
    assert right.open().width == 320
    assert next(iter(right)).index == 0
    shown = f"{right!r} {right.status!r} {right.open()!r}"
    right.close()
    wrong = LiveSource(f"rtsp://joe:falsch@127.0.0.1:{port}/live")
    with pytest.raises(SourceError, match=r"joe:\*\*\*@.* auth failed") as caught:
        wrong.open()
    assert wrong.status.state is SourceState.FAILED
    shown += "".join(traceback.format_exception(caught.value)) + repr(wrong.status) + caplog.text
    assert "geheim" not in shown
    assert "falsch" not in shown


def test_no_such_stream(start: Start, port: int) -> None:
    start()
    with pytest.raises(SourceError, match="nothing at this address"):
        LiveSource(f"rtsp://127.0.0.1:{port}/other").open()


def test_too_fast_for_its_reader(
    start: Start, source: LiveSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0
    read = VideoReader.read

    def counting(self: VideoReader, timeout_s: float = 1) -> DecodedFrame | None:
        nonlocal decoded
        frame = read(self, timeout_s)
        decoded += frame is not None
        return frame

    monkeypatch.setattr(VideoReader, "read", counting)
    start()
    source.open()
    handed = 0
    for handed, frame in enumerate(source, 1):
        assert time.monotonic() - frame.captured_at < 0.25  # the newest, or it waited for one
        time.sleep(0.1)
        if handed == 20:
            source.close()
    status = source.status
    assert status.read == handed + sum(status.dropped.values())
    # One frame may have been waiting when the source was closed, one being published.
    assert 0 <= decoded - status.read <= 2
    assert status.dropped["stale"] > 2 * handed


def test_over_udp(start: Start, port: int) -> None:
    start()
    source = LiveSource(f"rtsp://127.0.0.1:{port}/live", options=LiveOptions(transport="udp"))
    assert source.open().width == 320
    assert next(iter(source)).index == 0
    source.close()


@pytest.mark.parametrize(
    "hosts", [pytest.param((), id="any"), pytest.param(("127.0.0.0/8", "localhost"), id="some")]
)
def test_a_stream_of_a_client_with_an_odd_password(
    start: Start, port: int, hosts: tuple[str, ...]
) -> None:
    """Restricted to hosts, asked for redirects first, with a login that needs percent-encoding."""
    start("joe", "p@ss w:rd")
    options = LiveOptions(open_timeout_s=10, hosts=hosts)
    url = f"rtsp://joe:p%40ss%20w%3Ard@localhost:{port}/live"
    source = LiveSource(url, "gate", options)
    try:
        assert source.open().width == 320
        assert next(iter(source)).image.shape == (240, 320, 3)
    finally:
        source.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory in /proc")
def test_a_picture_that_does_not_end_takes_little_memory(
    start: Start, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A first picture, and data that belong to it for ever: as fast as the server sends."""
    start()
    options = LiveOptions(backoff_first_s=0.01, stall_timeout_s=20, open_timeout_s=20, hosts=())
    source = LiveSource(f"rtsp://127.0.0.1:{port}/endless", options=options)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_mb()
    for _ in source:
        if source.status.reconnects == 2:
            break
    source.close()
    assert "24 MB came without a whole picture" in caplog.text
    assert peak_mb() - before < 200  # the picture so far is copied when it grows


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


def test_frames_have_the_time_of_the_cameras_sender_reports(start: Start, port: int) -> None:
    """Until the first report frames have the time of their arrival, and say so."""
    start()
    began = time.time()
    source = LiveSource(f"rtsp://127.0.0.1:{port}/live", "street")
    reading = Reading(source)
    wait_for(lambda: sum(f.clock == "rtcp" for f in reading.frames) > 60, "a sender report", 30)
    source.close()
    reading.thread.join(10)
    told = [f for f in reading.frames if f.clock == "rtcp"]
    before = [f for f in reading.frames if f.clock != "rtcp"]
    assert {f.clock for f in before} <= {"arrival"}
    assert all(f.utc is not None and began - 1 < f.utc < time.time() + 1 for f in reading.frames)
    # What arrives is jittered; what the camera says is not: it goes with the stream's own time.
    offsets = [f.utc - f.time for f in told if f.utc is not None]
    assert max(offsets) - min(offsets) < 5e-3
    assert told[-1].index - told[0].index == len(told) - 1  # once told, it stays


def test_the_time_of_arrival_can_be_asked_for(start: Start, port: int) -> None:
    start()
    source = LiveSource(f"rtsp://127.0.0.1:{port}/live", "a", LiveOptions(clock="arrival"))
    reading = Reading(source)
    # A sender report comes within the first seconds.
    wait_for(lambda: len(reading.frames) > 5 * FPS // 2, "frames", 30)
    source.close()
    assert {f.clock for f in reading.frames} == {"arrival"}

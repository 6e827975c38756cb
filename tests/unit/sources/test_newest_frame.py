"""The newest frame of scripted connections: what is dropped, lost, made again, and given up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
from tests.waiting import wait_for

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.ffmpeg import DecodedFrame
from sightline.sources.live import CameraSource, LiveSource
from sightline.sources.network import live_connection
from sightline.sources.network.connection import AuthenticationError
from sightline.sources.video_track import TrackTiming
from sightline.types import SourceState

QUICK = LiveOptions(
    open_timeout_s=2,
    stall_timeout_s=0.3,
    backoff_first_s=0.01,
    backoff_max_s=0.05,
    auth_retry_s=0.4,
)
URL = "rtsp://joe:geheim@camera/live"

Script = Callable[[], Iterator[float | Exception]]


class ScriptedReader:
    """Stands for a connection: yields frames with these timestamps, waits, breaks, ends."""

    duration: int | None = None

    def __init__(self, steps: Iterator[float | Exception]) -> None:
        self.steps = steps
        self.corrupt = 0
        self.skipped, self.skipped_at = 0, 0.0
        self.sender_clock = None
        self.last_packet_at, self.waits_for_key_frame = 0.0, False
        self.decoded = 0
        self.closed = False
        self.container = SimpleNamespace(
            duration=self.duration, format=SimpleNamespace(name="none", flags=0)
        )
        self.stream = SimpleNamespace(frames=0)
        self.timing = TrackTiming(25.0)

    def was_cut_off(self) -> bool:
        return False

    def read(self, timeout_s: float) -> DecodedFrame | None:
        step = next(self.steps, None)
        if step is None:
            return None
        if isinstance(step, Exception):
            raise step
        frame = av.VideoFrame(32, 16, "yuv420p")
        frame.pts, frame.time_base = round(step * 1000), Fraction(1, 1000)
        self.decoded += 1
        return DecodedFrame(frame, 1.0, place=self.decoded - 1)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[ScriptedReader]]:
    """Answers connection attempts by a list of scripts or errors; the last one is repeated."""

    def install(*answers: Script | SourceError) -> list[ScriptedReader]:
        made: list[ScriptedReader] = []
        left = list(answers)

        def answer(*_: object) -> ScriptedReader:
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, SourceError):
                raise found
            made.append(ScriptedReader(found()))
            return made[-1]

        monkeypatch.setattr(live_connection, "connect", answer)
        return made

    return install


def frames(*times: float, then: Exception | None = None, every_s: float = 0.01) -> Script:
    def script() -> Iterator[float | Exception]:
        for at in times:
            time.sleep(every_s)
            yield at
        if then is not None:
            yield then

    return script


def endless(every_s: float = 0.01) -> Script:
    def script() -> Iterator[float]:
        count = 0
        while True:
            time.sleep(every_s)
            yield count * every_s
            count += 1

    return script


def test_what_nobody_takes_in_time_is_counted(
    connect: Callable[..., list[ScriptedReader]],
) -> None:
    made = connect(endless(1 / 60))
    source = LiveSource(URL, options=QUICK)
    info = source.open()
    assert (info.live, info.frames, info.width, info.height) == (True, None, 32, 16)
    handed, last = 0, -1.0
    for frame in source:
        assert frame.index == handed
        assert frame.time > last
        handed, last = handed + 1, frame.time
        time.sleep(0.1)  # the slow consumer
        if handed == 8:
            source.close()
    status = source.status
    assert status.read == handed + status.dropped["stale"]
    # One frame may have been waiting when the source was closed, one being published.
    assert 0 <= made[0].decoded - status.read <= 2
    assert status.dropped["stale"] >= 20
    assert made[0].closed


def test_the_newest_is_handed_on(connect: Callable[..., list[ScriptedReader]]) -> None:
    made = connect(endless(0.005))
    source = LiveSource(URL, options=QUICK)
    source.open()
    stream = iter(source)
    next(stream)
    before = made[0].decoded
    wait_for(lambda: made[0].decoded >= before + 20, "frames in the background")
    frame = next(stream)
    assert time.monotonic() - frame.captured_at < 0.1
    assert source.status.dropped["stale"] >= 18
    source.close()


def test_corrupt_frames_are_counted(connect: Callable[..., list[ScriptedReader]]) -> None:
    made = connect(endless())
    source = LiveSource(URL, options=QUICK)
    source.open()
    made[0].corrupt = 3
    wait_for(lambda: source.status.dropped.get("corrupt") == 3, "three corrupt frames")
    status = source.status
    assert status.read == sum(status.dropped.values())
    source.close()


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(None, id="the stream ends"),
        pytest.param(av.ExitError(1, "timeout", URL), id="read timeout"),
        pytest.param(TimeoutError("no picture"), id="packets, but no picture"),
        pytest.param(av.ConnectionResetError(104, "reset", URL), id="reset"),
    ],
)
def test_reconnects_and_time_goes_on(
    connect: Callable[..., list[ScriptedReader]],
    caplog: pytest.LogCaptureFixture,
    loss: Exception | None,
) -> None:
    refused = SourceError("camera: refused")
    made = connect(frames(7, 7.1, 7.2, then=loss), refused, refused, endless())
    source = LiveSource(URL, options=QUICK)
    source.open()
    times, states = [], set()
    for frame in source:
        times.append(frame.time)
        states.add(source.status.state)
        if source.status.reconnects and len(times) > 8:
            source.close()
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] < 5
    assert source.status.reconnects == 1
    assert len(made) == 2
    assert made[0].closed
    assert made[1].closed
    assert "reconnecting" in caplog.text
    assert "geheim" not in caplog.text


def test_a_new_connection_counts_anew(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(frames(1, 1.1), frames(4, 4.1, 4.2))
    source = LiveSource(URL, options=QUICK)
    times = [frame.time for frame, _ in zip(source, range(4), strict=False)]
    source.close()
    assert times[-1] < 1.5  # the timestamps say 3.1, the clock says otherwise


def test_a_recording_of_one_frame(
    connect: Callable[..., list[ScriptedReader]], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(frames(0))
    monkeypatch.setattr(ScriptedReader, "duration", 40_000)
    source = LiveSource("http://host/one.mp4", options=QUICK)
    source._spawn()
    wait_for(lambda: source.status.state is SourceState.ENDED, "read before anybody looked")
    assert not source.open().live
    assert [frame.index for frame in source] == [0]


def test_state_while_it_is_lost(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(frames(0, 0.1), SourceError("camera: refused"))
    source = LiveSource(URL, options=QUICK)
    source.open()
    wait_for(lambda: source.status.error == "camera: refused", "the error of the new attempt")
    assert source.status.state is SourceState.RECONNECTING
    source.close()
    assert source.status.state is SourceState.ENDED


def test_timestamps_that_jump(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(frames(0, 0.04, 9000, 9000.04, 3, 3.04, every_s=0.03))
    source = LiveSource(URL, options=QUICK)
    source.open()
    times = [frame.time for frame, _ in zip(source, range(6), strict=False)]
    assert times == sorted(times)
    assert times[-1] < 1
    source.close()


def test_gives_up_after_so_many_attempts(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(frames(0, 0.1), SourceError("camera: refused"))
    source = LiveSource(URL, options=QUICK.model_copy(update={"reconnect_attempts": 3}))
    source.open()
    read: list[float] = []
    with pytest.raises(SourceError, match="camera: refused"):
        read.extend(frame.time for frame in source)
    assert read
    assert source.status.state is SourceState.FAILED
    assert source.status.error == "camera: refused"


def test_wrong_password_is_tried_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[float] = []

    def refuse(*_: object) -> ScriptedReader:
        attempts.append(time.monotonic())
        raise AuthenticationError("camera: auth failed")

    monkeypatch.setattr(live_connection, "connect", refuse)
    source = LiveSource(URL, options=QUICK.model_copy(update={"wait_for_camera": True}))

    def open_it() -> None:
        with pytest.raises(SourceError):
            source.open()

    opener = threading.Thread(target=open_it)
    opener.start()
    wait_for(lambda: len(attempts) == 3, "three attempts")
    source.close()
    opener.join(5)
    assert not opener.is_alive()
    assert min(b - a for a, b in itertools.pairwise(attempts)) >= QUICK.auth_retry_s


def test_open_fails_at_once_where_nobody_waits(
    connect: Callable[..., list[ScriptedReader]],
) -> None:
    connect(SourceError("camera: refused"))
    source = LiveSource(URL, options=QUICK)
    started = time.monotonic()
    with pytest.raises(SourceError, match="camera: refused"):
        source.open()
    assert time.monotonic() - started < 1
    assert source.status.state is SourceState.FAILED


def test_open_waits_for_a_camera(connect: Callable[..., list[ScriptedReader]]) -> None:
    refused = SourceError("camera: refused")
    connect(refused, refused, refused, endless())
    source = LiveSource(URL, options=QUICK.model_copy(update={"wait_for_camera": True}))
    assert source.open().width == 32
    assert source.status.state is SourceState.RUNNING
    assert source.status.reconnects == 0
    source.close()


def test_a_stuck_read_is_left_behind(connect: Callable[..., list[ScriptedReader]]) -> None:
    release = threading.Event()

    def stuck() -> Iterator[float]:
        yield 0.0
        release.wait(20)
        yield 99.0

    made = connect(stuck, endless())
    source = LiveSource(URL, options=QUICK)
    stream = iter(source)
    next(stream)
    started = time.monotonic()
    frame = next(stream)
    assert QUICK.stall_timeout_s <= time.monotonic() - started < 2
    assert source.status.reconnects == 1
    release.set()
    wait_for(lambda: made[0].closed, "the thread that was left behind ends")
    assert frame.time < next(stream).time < 5
    source.close()


def test_a_fault_of_our_own_reaches_the_caller(
    connect: Callable[..., list[ScriptedReader]],
) -> None:
    connect(frames(0, 0.1, then=ZeroDivisionError("a bug")))
    source = LiveSource(URL, options=QUICK)
    with pytest.raises(SourceError, match="ZeroDivisionError: a bug"):
        list(source)
    assert source.status.state is SourceState.FAILED


def test_close_ends_a_waiting_iteration(connect: Callable[..., list[ScriptedReader]]) -> None:
    release = threading.Event()

    def silent() -> Iterator[float]:
        yield 0.0
        release.wait(20)

    connect(silent)
    source = LiveSource(URL, options=LiveOptions())
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(frame.index for frame in source))
    thread.start()
    wait_for(lambda: source.status.read == 1, "the first frame")
    started = time.monotonic()
    release.set()
    source.close()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started < 1
    assert got == [0]


def test_no_thread_is_left(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(endless())
    before = threading.active_count()
    for _ in range(10):
        source = LiveSource(URL, options=QUICK)
        source.open()
        source.close()
        source.close()
    assert threading.active_count() == before


def test_the_password_is_nowhere(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(endless())
    source = LiveSource(URL, options=QUICK)
    info = source.open()
    shown = f"{source!r} {info!r} {source.status!r} {source._target!r} {next(iter(source))!r}"
    source.close()
    with pytest.raises(SourceError) as caught:
        source.open()
    assert "geheim" not in f"{shown} {caught.value}"


def test_a_camera_that_is_not_there() -> None:
    source = CameraSource(97, options=QUICK)
    with pytest.raises(SourceError, match=r"camera 97 \(/dev/video97\): there is nothing"):
        source.open()


def test_two_may_not_read_one_source(connect: Callable[..., list[ScriptedReader]]) -> None:
    """Each would have half of the frames, and neither would know."""
    connect(endless())
    source = LiveSource(URL, options=QUICK)
    next(iter(source))
    with pytest.raises(SourceError, match="is being read already: make another source"):
        next(iter(source))
    assert source.status.state is SourceState.RUNNING, "the first goes on"
    source.close()


def test_opening_again_says_the_same_over_one_connection(
    connect: Callable[..., list[ScriptedReader]],
) -> None:
    made = connect(endless())
    source = LiveSource(URL, "gate", QUICK)
    assert source.open() == source.open()
    assert source.open().name == "gate"
    assert len(made) == 1
    source.close()


def test_a_closed_source_is_not_read(connect: Callable[..., list[ScriptedReader]]) -> None:
    made = connect(endless())
    source = LiveSource(URL, options=QUICK)
    source.close()
    source.close()
    with pytest.raises(SourceError, match="is closed: make a new source to read it"):
        source.open()
    assert (source.status.state, source.status.read, made) == (SourceState.ENDED, 0, [])


def test_nothing_of_a_recording_is_dropped_and_damaged_frames_keep_their_numbers(
    connect: Callable[..., list[ScriptedReader]], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(frames(0, 0.04, 0.08, 0.12, every_s=0.0))
    monkeypatch.setattr(ScriptedReader, "duration", 160_000)
    read = ScriptedReader.read

    def with_gap(self: ScriptedReader, timeout_s: float) -> DecodedFrame | None:
        decoded = read(self, timeout_s)
        return decoded and decoded._replace(place=decoded.place + (decoded.place > 1))

    monkeypatch.setattr(ScriptedReader, "read", with_gap)
    source = LiveSource("http://host/one.mp4", options=QUICK)
    found = []
    for frame in source:
        time.sleep(0.02)  # slower than it comes
        found.append((frame.index, round(frame.time, 2), frame.utc))
    assert found == [(0, 0.0, None), (1, 0.04, None), (3, 0.08, None), (4, 0.12, None)]
    assert (source.status.read, source.status.dropped) == (4, {})


def test_frames_tell_when_they_were_taken(connect: Callable[..., list[ScriptedReader]]) -> None:
    connect(endless())
    source = LiveSource(URL, options=QUICK)
    before = time.time()
    frame = next(iter(source))
    source.close()
    assert before <= frame.utc <= time.time()
    assert frame.clock == "arrival"
    assert frame.captured_at <= time.monotonic()


def test_in_a_forked_child_a_source_says_that_it_is_a_copy() -> None:
    source = LiveSource(URL, options=QUICK)
    source.after_fork()
    for use in (source.open, lambda: next(iter(source))):
        with pytest.raises(
            SourceError, match="that this one was forked from: open it in the process"
        ):
            use()
    assert source.status.state is SourceState.FAILED
    assert "geheim" not in str(source.status)

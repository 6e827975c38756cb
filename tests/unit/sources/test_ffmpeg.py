"""Frames of an open container: in order, past damage, with time limits, gaps and numbers."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from sightline.errors import DecodeError
from sightline.sources.ffmpeg import DecodedFrame, VideoReader, explain
from sightline.sources.pictures import Scalers
from sightline.sources.video_track import video_stream

RATE = 25
FRAMES = 20
KEY_EVERY = 5


def level(index: int) -> int:
    """The grey of a frame, so that each can be told."""
    return 20 + 10 * index


def video(form: str = "mpegts", frames: int = FRAMES, codec: str = "mpeg4") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = KEY_EVERY
        stream.codec_context.max_b_frames = 0
        for index in range(frames):
            grey = np.full((48, 64, 3), level(index), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def noisy(form: str) -> bytes:
    """A larger file: pictures that do not compress."""
    noise = np.random.default_rng(1)
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = KEY_EVERY
        for _ in range(FRAMES):
            picture = noise.integers(0, 255, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


WHOLE = video()


def reader_of(data: bytes = WHOLE, **more: Any) -> VideoReader:
    container = av.open(io.BytesIO(data))
    stream = video_stream(container)
    assert stream is not None
    return VideoReader(container, stream, **more)


class Found(NamedTuple):
    place: int
    time: float
    index: int


def found(decoded: DecodedFrame) -> Found:
    grey = decoded.picture(Scalers()).scaled(64, 48, "bgr").mean()
    time_s = 0.0 if decoded.frame.time is None else decoded.frame.time
    return Found(decoded.place, round(time_s, 2), round((float(grey) - 20) / 10))


def rest(reader: VideoReader) -> list[Found]:
    frames = []
    while (decoded := reader.read()) is not None:
        frames.append(found(decoded))
    return frames


def test_all_frames_of_a_file_come_in_order_with_their_numbers_and_times() -> None:
    reader = reader_of(video("matroska"))
    frames = rest(reader)
    assert [frame.place for frame in frames] == list(range(FRAMES))
    assert [frame.index for frame in frames] == list(range(FRAMES))
    assert [frame.time for frame in frames] == [round(i / RATE, 2) for i in range(FRAMES)]
    assert (reader.corrupt, reader.skipped, reader.cut_off) == (0, 0, False)
    assert reader.end_s == pytest.approx(FRAMES / RATE, abs=0.002)
    assert reader.span_s == pytest.approx(FRAMES / RATE, abs=0.002)
    assert not reader.was_cut_off()


def test_the_end_stays_the_end() -> None:
    reader = reader_of(video("matroska", 1))
    assert rest(reader) == [Found(0, 0.0, 0)]
    assert reader.read() is None
    assert reader.read() is None


def test_closing_is_idempotent_and_closes_what_is_read() -> None:
    class Recorder(io.BytesIO):
        closes = 0

        def close(self) -> None:
            self.closes += 1
            super().close()

    file = Recorder(WHOLE)
    container = av.open(file)
    stream = video_stream(container)
    assert stream is not None
    reader = VideoReader(container, stream, file=file)
    reader.read()
    reader.close()
    reader.close()
    assert file.closes >= 1
    assert file.closed


class Gaps:
    """Admits packets by a list; the rest are admitted."""

    def __init__(self, admitted: Sequence[bool]) -> None:
        self.left = list(admitted)
        self.seen: list[tuple[bool, float | None]] = []
        self.held = 0

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *_: object) -> None:
        self.held -= 1

    def admits(self, key: bool, at_s: float | None) -> bool:
        assert not self.held
        self.seen.append((key, at_s))
        return self.left.pop(0) if self.left else True


def test_packets_that_are_not_admitted_are_counted_and_keep_their_numbers() -> None:
    turn = Gaps([True, True, False, False, False])
    reader = reader_of(video("matroska"), turn=turn)
    frames = rest(reader)
    # Without the packets before it a frame cannot be made until the next key frame.
    sound = [frame for frame in frames if frame.place >= KEY_EVERY]
    assert sound == [
        Found(index, frame.time, index)
        for index, frame in zip(range(KEY_EVERY, FRAMES), sound, strict=True)
    ]
    assert reader.skipped + reader.corrupt + len(frames) == FRAMES
    assert reader.skipped >= 3
    assert reader.skipped_at <= time.monotonic()
    with av.open(io.BytesIO(video("matroska"))) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert [key for key, _ in turn.seen] == keys
    times = [at_s for _, at_s in turn.seen]
    assert times == sorted(times)
    assert turn.held == 0


def test_nothing_is_left_out_soon_after_damage() -> None:
    turn = Gaps([False] * 100)
    reader = reader_of(turn=turn)
    reader.corrupt = 1  # its owner has counted none before
    assert len(rest(reader)) == FRAMES
    assert turn.seen == []


def test_all_that_is_left_out_may_be_all() -> None:
    reader = reader_of(turn=Gaps([False] * 100))
    assert rest(reader) == []
    assert (reader.skipped, reader.read()) == (FRAMES, None)


def damaged(data: bytes, at: float) -> bytes:
    """With two packets of a transport stream overwritten."""
    start = int(len(data) * at) // 188 * 188
    return data[:start] + b"\x47" + bytes(2 * 188 - 1) + data[start + 2 * 188 :]


def test_frames_after_damage_are_whole_and_none_is_counted_twice() -> None:
    reader = reader_of(damaged(noisy("mpegts"), 0.5))
    frames = rest(reader)
    assert 0 < reader.corrupt < FRAMES / 2
    assert len(frames) + reader.corrupt == FRAMES
    places = [frame.place for frame in frames]
    assert places == sorted(set(places))
    assert places[-1] == FRAMES - 1


def until_error(reader: VideoReader, kind: type[Exception], message: str) -> list[int]:
    """The frames that come before a reader fails with this error, and fails so again."""
    frames = []

    def read_all() -> None:
        while (decoded := reader.read()) is not None:
            frames.append(found(decoded).index)

    with pytest.raises(kind, match=message):
        read_all()
    with pytest.raises(kind, match=message):
        reader.read()
    return frames


def test_an_error_of_the_file_comes_after_the_last_good_frame() -> None:
    class Torn(io.BytesIO):
        left = float("inf")

        def read(self, size: int | None = -1) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError(5, "Input/output error")
            return super().read(size)

    file = Torn(noisy("matroska"))
    container = av.open(file, buffer_size=1024)
    stream = video_stream(container)
    assert stream is not None
    reader = VideoReader(container, stream)
    before = [reader.read() for _ in range(2)]
    file.left = 2
    frames = until_error(reader, OSError, "Input/output error")
    assert [one.place for one in before if one] == [0, 1]
    assert 0 < len(frames) < FRAMES


class Packets:
    """Stands for what comes: packets, pauses (seconds) and errors."""

    def __init__(self, reader: VideoReader, steps: Sequence[Any]) -> None:
        self.reader, self.steps = reader, list(steps)

    def demux(self) -> Iterator[Any]:
        for step in self.steps:
            if isinstance(step, float):
                time.sleep(step)
            elif isinstance(step, Exception):
                self.steps = self.steps[self.steps.index(step) + 1 :]
                raise step
            else:
                yield step


def with_steps(*steps: Any, **more: Any) -> VideoReader:
    """A reader of scripted steps; numbers stand for the packets of the video."""
    reader = reader_of(**more)
    packets = list(reader.container.demux(reader.stream))
    given = [packets[one] if isinstance(one, int) else one for one in steps]
    script = Packets(reader, given)
    reader._packets = script.demux()
    reader.container = script  # type: ignore[assignment]
    return reader


def test_a_hundred_packets_that_cannot_be_decoded_are_the_end() -> None:
    junk = []
    for number in range(150):
        packet = av.Packet(b"\x00\x00\x01\xb6" + bytes([number]) * 3)
        packet.pts = packet.dts = number
        junk.append(packet)
    reader = reader_of()
    for packet in junk:
        packet.stream = reader.stream
        packet.time_base = reader.stream.time_base
    failures = 0

    def decode_all() -> Iterator[Any]:
        nonlocal failures
        for packet in junk:
            failures += 1
            yield packet

    reader._packets = decode_all()
    reader._decode = lambda _: reader._count_failure(av.InvalidDataError(1, "no picture"))  # type: ignore[method-assign]
    with pytest.raises(
        DecodeError, match=r"100 packets in a row could not be decoded \(no picture\)"
    ):
        reader.read()
    assert failures == 100
    assert reader.corrupt == 100


def test_an_error_of_the_container_is_damage_and_reading_goes_on() -> None:
    reader = with_steps(0, av.InvalidDataError(1, "torn"), 5, 6)
    frames = []
    while (decoded := reader.read()) is not None:
        frames.append(found(decoded).index)
    assert frames[0] == 0
    assert set(frames) <= {0, 5, 6}
    assert reader.corrupt >= 1


def sound_packet() -> Any:
    """A packet of the second track of a film."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        film, sound = container.add_stream("mpeg4", rate=RATE), container.add_stream("mp2", 48000)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1152), np.int16), "s16", "stereo")
        silence.sample_rate = 48000
        container.mux(film.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(sound.encode(silence))
        container.mux(film.encode(None))
        container.mux(sound.encode(None))
    both = av.open(io.BytesIO(file.getvalue()))
    return next(packet for packet in both.demux() if packet.stream.type == "audio" and packet.size)


def test_a_stream_of_which_only_the_sound_comes_is_silent() -> None:
    sound = sound_packet()
    reader = with_steps(0.05, sound, 0)
    with pytest.raises(TimeoutError, match=r"no picture for 0\.02 s"):
        reader.read(timeout_s=0.02)
    assert not reader.waits_for_key_frame, "what comes are no pictures: a key frame would not help"
    assert reader.last_packet_at == float("-inf")


def test_a_stream_is_waited_for_until_its_key_frame() -> None:
    reader = with_steps(1, 2, 0.1, 3, 0.1, 4, key_frame_s=0.05)
    reader._decode = lambda _: reader._count_failure(av.InvalidDataError(1, "refers to none"))  # type: ignore[method-assign]
    assert reader.corrupt == 0
    with pytest.raises(TimeoutError):
        reader.read(timeout_s=0.12)
    assert reader.waits_for_key_frame
    assert reader.last_packet_at <= time.monotonic()


def test_what_is_looked_at_ahead_is_read_afterwards() -> None:
    reader = reader_of(video("matroska"))
    span_s, whole = reader.look_ahead(5.0, 0.3)
    assert span_s == pytest.approx(0.32, abs=0.05)
    assert not whole
    span_s, whole = reader.look_ahead(5.0, 100.0)
    assert (round(span_s, 2), whole) == (round((FRAMES - 1) / RATE, 2), True)
    assert [frame.index for frame in rest(reader)] == list(range(FRAMES))


def test_an_error_that_was_met_ahead_comes_in_its_place() -> None:
    reader = with_steps(0, 1, OSError(5, "gone"))
    assert reader.look_ahead(5.0, 100.0)[1] is False
    assert until_error(reader, OSError, "gone") == [0, 1]


def test_nothing_to_look_at_ahead() -> None:
    reader = with_steps()
    assert reader.look_ahead(1.0, 1.0) == (0.0, True)
    assert (reader.read(), reader.span_s) == (None, 0.0)


def test_the_first_packet_tells_a_stream_that_begins_again() -> None:
    first, again, other = reader_of(), reader_of(), reader_of(video("mpegts", 10, "mpeg2video"))
    for reader in (first, again, other):
        assert reader.first_packet is None
        reader.read()
    assert first.first_packet == again.first_packet != other.first_packet


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (av.FFmpegError(5, "Input/output error", "rtsp://joe:geheim@camera"), "Input/output error"),
        (OSError(1, "Operation not permitted"), "Operation not permitted"),
        (TimeoutError(), "TimeoutError"),
        (ConnectionResetError("words"), "ConnectionResetError"),
    ],
)
def test_the_words_of_an_error_have_no_address(error: Any, words: str) -> None:
    assert explain(error) == words

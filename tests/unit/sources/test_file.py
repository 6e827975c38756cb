"""Video files: good ones, odd ones, broken ones."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from tests.circles import without_collector
from tests.waiting import wait_for

from sightline.errors import DecodeError, SourceError
from sightline.sources import ffmpeg, video_track
from sightline.sources import file as file_source
from sightline.sources.file import FileSource
from sightline.types import Frame, SourceState

MakeVideo = Callable[..., Path]


def level(frame: Frame) -> float:
    """The brightness of the left half: see the factory of videos."""
    return float(frame.image[:, : frame.width // 3].mean())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("street.mp4", {}, id="mp4"),
        pytest.param("street.mkv", {}, id="mkv"),
        pytest.param("street.webm", {"codec": "libvpx-vp9"}, id="webm"),
        pytest.param("street.avi", {"codec": "mpeg4"}, id="avi"),
        pytest.param("street.ts", {}, id="transport stream"),
        pytest.param("street.h264", {}, id="elementary stream"),
        pytest.param("Straße 街 😀.mp4", {}, id="unicode"),
    ],
)
def test_reads_every_frame(make_video: MakeVideo, name: str, options: dict[str, str]) -> None:
    path = make_video(name, 30, **options)
    source = FileSource(path)
    info = source.open()
    assert (info.name, info.width, info.height, info.fps) == (path.stem, 320, 240, 25)
    assert info.frames in (30, None)
    assert not info.live
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(30)], abs=2e-3)
    assert [level(frame) for frame in frames] == pytest.approx(
        [40 + i * 5 % 160 for i in range(30)], abs=3
    )
    status = source.status
    assert (status.state, status.read, status.dropped) == (SourceState.ENDED, 30, {})


@pytest.mark.parametrize("suffix", ["mp4", "y4m", "h264", "mjpeg", "gif"])
def test_an_empty_file_is_called_so_by_whatever_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"street.{suffix}"
    path.touch()
    with pytest.raises(DecodeError, match=r"is empty: copy it again from where it came from"):
        FileSource(path).open()


def test_the_standard_input_is_named() -> None:
    with pytest.raises(SourceError, match=r"^- does not exist: standard input is /dev/stdin$"):
        FileSource("-").open()


def test_an_mp4_through_a_pipe_needs_its_index_first(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    noise = np.random.default_rng(1)
    with av.open(str(whole), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.bit_rate = 20_000_000
        for _ in range(20):
            pixels = noise.integers(0, 255, (240, 320, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        file.mux(stream.encode(None))
    data = whole.read_bytes()
    assert len(data) > 500_000, "else FFmpeg has all of it in memory"
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write_bytes(data)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    with pytest.raises(DecodeError, match=r"the index of this MP4 is at its end: .*\+faststart"):
        FileSource(pipe).open()
    writer.join(10)


def test_real_video(data: Path) -> None:
    source = FileSource(data / "videos" / "car-detection.mp4", "cars")
    info = source.open()
    assert (info.name, info.width, info.height, info.frames) == ("cars", 768, 432, 377)
    frames = sum(1 for _ in itertools.islice(source, 50))
    assert source.status.read == frames == 50
    source.close()


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        pytest.param(None, SourceError, "does not exist", id="missing"),
        pytest.param(b"", DecodeError, "is empty: copy it again", id="empty"),
        pytest.param(b"\n<!DOCTYPE html><html>", DecodeError, "is a web page", id="web page"),
        pytest.param(
            b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
            DecodeError,
            "is a playlist: give the files",
            id="playlist",
        ),
        pytest.param(
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            DecodeError,
            "is a list of files, which is not followed",
            id="list of files",
        ),
        pytest.param(
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
            DecodeError,
            "must end in .sdp",
            id="description of a stream",
        ),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\n", DecodeError, "git lfs pull", id="LFS"
        ),
        pytest.param(bytes(9000), DecodeError, "only zeros", id="zeros"),
        pytest.param(b"hello, world\n" * 99, DecodeError, "no video that FFmpeg", id="text"),
        pytest.param(b"\0\0\0\x18ftypisom" + bytes(999), DecodeError, "index", id="no moov"),
        pytest.param(
            b"ffconcat version 1.0\nfile x.mp4\n", SourceError, "cannot be|no video", id="playlist"
        ),
    ],
)
def test_not_a_video(
    tmp_path: Path, content: bytes | None, kind: type[SourceError], message: str
) -> None:
    path = tmp_path / "street.mp4"
    if content is not None:
        path.write_bytes(content)
    source = FileSource(path)
    with pytest.raises(kind, match=message) as caught:
        source.open()
    assert str(path) in str(caught.value)
    assert source.status.state is SourceState.FAILED
    assert source.status.error == str(caught.value)


def test_text_is_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello, world\n" * 99)
    with pytest.raises(DecodeError, match="no video"):
        FileSource(path).open()


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        FileSource(tmp_path).open()


def test_playlist_cannot_reach_the_network(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
        path.write_text(f"{head}{address}\n#EXT-X-ENDLIST\n")
        opener = threading.Thread(target=failing_open, args=(path,), daemon=True)
        opener.start()
        server.settimeout(1)
        with pytest.raises(TimeoutError):  # nobody connects
            server.accept()
    opener.join(10)
    assert not opener.is_alive()


def failing_open(path: Path) -> None:
    with pytest.raises(SourceError):
        FileSource(path).open()


def test_a_name_that_looks_like_a_protocol(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_video("http:%d*.mp4", 3)
    monkeypatch.chdir(tmp_path)
    assert len(list(FileSource("http:%d*.mp4"))) == 3


def test_too_large_a_video_is_refused(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_track, "LIMIT_PIXELS", 320 * 240 - 1)
    path = make_video(frames=2)
    with pytest.raises(
        DecodeError, match="320 x 240 pixels, more than the limit of 76799"
    ) as caught:
        FileSource(path).open()
    assert str(caught.value).startswith(str(path))


def test_a_video_that_grows_is_read_up_to_the_limit(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("small.h264", 10)
    path.write_bytes(path.read_bytes() + make_video("large.h264", 10, (640, 480)).read_bytes())
    assert {frame.width for frame in FileSource(path)} == {320, 640}
    monkeypatch.setattr(ffmpeg, "LIMIT_PIXELS", 320 * 240)
    source = FileSource(path)
    assert {frame.width for frame in source} == {320}
    assert source.status.dropped["corrupt"] >= 10


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        file.mux(stream.encode(sound))
        file.mux(stream.encode(None))
    with pytest.raises(DecodeError, match="no video in it"):
        FileSource(path).open()


@pytest.mark.parametrize("name", ["street.mkv", "street.avi"])
def test_zero_frames(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        file.start_encoding()
    with pytest.raises(DecodeError, match=r"no video|no frame|first frame"):
        FileSource(path).open()


def test_one_frame(make_video: MakeVideo) -> None:
    frames = list(FileSource(make_video(frames=1)))
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0.0)]


@pytest.mark.parametrize("name", ["street.mp4", "street.mkv", "street.avi"])
def test_cut_off(make_video: MakeVideo, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make_video(name, 60, codec=codec)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    source = FileSource(path)
    source.open()
    frames: list[Frame] = []
    with pytest.raises(DecodeError, match=r"street.* \d+ of 60 frames were read, then") as caught:
        frames.extend(source)
    assert 20 <= len(frames) < 60
    assert f" {len(frames)} of 60" in str(caught.value)
    status = source.status
    assert status.state is SourceState.FAILED
    assert status.read == len(frames) + sum(status.dropped.values())


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        pytest.param("street.mkv", "libx264", id="matroska"),
        pytest.param("street.avi", "libx264", id="avi, whose packets tell no time"),
        pytest.param("street.avi", "mjpeg", id="avi, a picture each"),
    ],
)
def test_a_file_that_is_shorter_than_its_container_says(
    make_video: MakeVideo, name: str, codec: str
) -> None:
    """Without Matroska's tag DURATION, which not every program writes, and without a torn packet."""
    path = make_video(name, 60, codec=codec)
    content = path.read_bytes().replace(b"DURATION", b"COMMENT_")
    with av.open(str(path)) as file:
        packets = [packet.pos for packet in file.demux(video=0) if packet.size]
    whole = list(FileSource(path))
    for count in (58, 30):
        path.write_bytes(content[: packets[count] - 8])
        read: list[Frame] = []
        with pytest.raises(DecodeError, match="then it breaks off"):
            read.extend(FileSource(path))
        assert 0 < len(read) < len(whole) == 60


def test_a_recording_that_goes_on_states_no_size(make_video: MakeVideo) -> None:
    path = make_video("street.mkv", 60)
    content = bytearray(path.read_bytes())
    at = content.index(b"\x18\x53\x80\x67") + 4
    content[at : at + 8] = b"\x01" + b"\xff" * 7  # unknown, as a recorder has it until it ends
    content = content.replace(b"DURATION", b"COMMENT_")
    path.write_bytes(content[: len(content) // 2])
    assert 0 < len(list(FileSource(path))) < 60


def test_cut_off_between_two_frames(make_video: MakeVideo) -> None:
    path = make_video(frames=30)
    with av.open(str(path)) as file:
        entry = file.streams.video[0].index_entries[20]
        end = entry.pos
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DecodeError, match="20 of 30 frames"):
        list(FileSource(path))


def test_damage_is_skipped_and_counted(make_video: MakeVideo) -> None:
    path = make_video(frames=60)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        for index in (13, 27, 28, 44):
            entry = file.streams.video[0].index_entries[index]
            content[entry.pos : entry.pos + entry.size] = b"\xff" * entry.size
    path.write_bytes(content)
    source = FileSource(path)
    frames = list(source)
    status = source.status
    assert status.state is SourceState.ENDED
    assert 4 <= status.dropped["corrupt"] <= 30
    assert status.read == len(frames) + status.dropped["corrupt"] == 60
    assert_numbered_by_time(frames)


def assert_numbered_by_time(frames: list[Frame]) -> None:
    """Damaged frames count: at 25 frames a second a frame's number tells its time."""
    assert [frame.index for frame in frames] == [round(frame.time * 25) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "threads"),
    [
        pytest.param("street.mp4", "libx264", 1, id="mp4"),
        pytest.param("street.mp4", "libx264", 0, id="several threads"),
        pytest.param("street.mkv", "libx264", 1, id="mkv"),
        pytest.param("street.ts", "libx264", 1, id="transport stream"),
        pytest.param("street.avi", "mjpeg", 1, id="motion jpeg"),
        pytest.param("street.webm", "libvpx-vp9", 1, id="webm"),
    ],
)
def test_damaged_frames_keep_their_numbers(
    make_video: MakeVideo, name: str, codec: str, threads: int
) -> None:
    path = make_video(name, 75, codec=codec, b_frames=2)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(p.pos or 0, p.size) for p in file.demux(video=0) if p.size]
    random = np.random.default_rng(3)
    for pos, size in (packets[31], *packets[40:44]):
        # The container's own header of the packet stays.
        content[pos + 24 : pos + size] = random.bytes(max(0, size - 24))
    if name.endswith("ts"):  # as a network loses them
        content = bytearray(path.read_bytes())
        del content[packets[40][0] + 188 : packets[44][0] + 188]
    path.write_bytes(content)
    source = FileSource(path, threads=threads)
    frames = list(source)
    assert len(frames) < 75
    assert frames[-1].index == 74
    assert source.status.read == 75
    assert_numbered_by_time(frames)


def test_numbers_of_a_damaged_file_in_a_loop(make_video: MakeVideo) -> None:
    path = make_video("street.avi", 20, (64, 48), codec="mjpeg")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(p.pos or 0, p.size) for p in file.demux(video=0) if p.size]
    for pos, size in packets[5:8]:
        content[pos : pos + size] = bytes(size)
    path.write_bytes(content)
    indices = [frame.index for frame in FileSource(path, loop=2)]
    assert indices == [i for i in range(40) if i % 20 not in (5, 6, 7)]


def test_damage_everywhere(make_video: MakeVideo) -> None:
    path = make_video(frames=200)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        entries = list(file.streams.video[0].index_entries)
    for entry in entries[50:]:
        content[entry.pos : entry.pos + entry.size] = b"\xff" * entry.size
    path.write_bytes(content)
    source = FileSource(path)
    with pytest.raises(DecodeError, match="50 of 200 frames were read, then 100 packets in a row"):
        list(source)


def test_damage_here_and_there_is_no_reason_to_give_up(make_video: MakeVideo) -> None:
    path = make_video("street.avi", 250, (64, 48), codec="mjpeg")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(p.pos, p.size) for p in file.demux(video=0) if p.size]
    for pos, size in packets[1::2]:
        content[pos : pos + size] = bytes(size)
    path.write_bytes(content)
    source = FileSource(path)
    assert len(list(source)) == 125
    assert source.status.dropped == {"corrupt": 125}


def test_flipped_bytes(make_video: MakeVideo) -> None:
    path = make_video("street.ts", frames=60)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    random = np.random.default_rng(5)
    hit = random.random(len(content)) < 0.001
    content[hit] ^= random.integers(1, 256, hit.sum(), np.uint8)
    path.write_bytes(content.tobytes())
    source = FileSource(path)
    frames = list(source)
    assert source.status.read == len(frames) + sum(source.status.dropped.values())
    assert source.status.dropped["corrupt"] > 0
    assert 10 < len(frames) < 60


def test_variable_frame_rate(make_video: MakeVideo) -> None:
    pts = [0, 1, 2, 50, 51, 175, 176]
    frames = list(FileSource(make_video(frames=7, pts=pts)))
    assert [frame.time for frame in frames] == pytest.approx([p / 25 for p in pts])


def test_timestamps_run_back(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video("one.ts", 20)
    twice = tmp_path / "twice.ts"
    twice.write_bytes(path.read_bytes() * 2)
    times = [frame.time for frame in FileSource(twice)]
    assert len(times) >= 38
    assert times == sorted(times)
    assert times[-1] == pytest.approx((len(times) - 1) / 25, abs=0.1)


@pytest.mark.parametrize(
    ("angle", "size", "red", "blue"),
    [
        # The upright picture has grey left, red top right, blue bottom right.
        pytest.param(90, (240, 320), (0.25, 0.25), (0.75, 0.25), id="counter-clockwise"),
        pytest.param(-90, (240, 320), (0.75, 0.75), (0.25, 0.75), id="clockwise"),
        pytest.param(180, (320, 240), (0.25, 0.75), (0.25, 0.25), id="upside down"),
    ],
)
def test_rotation(
    make_video: MakeVideo,
    angle: int,
    size: tuple[int, int],
    red: tuple[float, float],
    blue: tuple[float, float],
) -> None:
    source = FileSource(make_video(rotation=angle, frames=3))
    info = source.open()
    assert (info.width, info.height) == size
    frame = next(iter(source))
    assert (frame.width, frame.height) == size
    for scale in (1, 2):
        width, height = size[0] // scale, size[1] // scale
        pixels = frame.scaled(width, height, "rgb")
        for (x, y), colour in ((red, (255, 0, 0)), (blue, (0, 0, 255))):
            found = pixels[int(y * height), int(x * width)].astype(int)
            assert np.abs(found - colour).max() < 12
    source.close()


def test_size_changes_in_the_middle(make_video: MakeVideo, tmp_path: Path) -> None:
    small, large = make_video("a.h264", 10), make_video("b.h264", 10, (640, 352))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = list(FileSource(joined))
    sizes = [(frame.width, frame.height) for frame in frames]
    assert sizes == [(320, 240)] * 10 + [(640, 352)] * 10
    assert [frame.image.shape for frame in frames[9:11]] == [(240, 320, 3), (352, 640, 3)]
    assert np.diff([frame.time for frame in frames]).min() >= 0


def test_loop(make_video: MakeVideo) -> None:
    source = FileSource(make_video(frames=5), loop=3)
    assert source.open().frames == 15
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(15))
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(15)])
    assert [round(level(frame)) for frame in frames[:5]] == [
        round(level(frame)) for frame in frames[10:]
    ]


def test_loop_for_ever(make_video: MakeVideo) -> None:
    source = FileSource(make_video(frames=5), loop=0)
    assert source.open().frames is None
    assert [frame.index for frame in itertools.islice(source, 23)] == list(range(23))
    source.close()


def test_loop_over_a_file_that_went_away(make_video: MakeVideo) -> None:
    path = make_video(frames=5)
    source = FileSource(path, loop=0)
    frames = iter(source)
    next(frames)
    path.unlink()
    with pytest.raises(SourceError, match="does not exist"):
        list(frames)
    assert source.status.read == 5


@pytest.mark.parametrize("options", [{"loop": -1}, {"threads": -1}])
def test_bad_options(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        FileSource("street.mp4", **options)


@pytest.mark.parametrize("threads", [1, 2, 0])
def test_threads_change_nothing(make_video: MakeVideo, threads: int) -> None:
    frames = list(FileSource(make_video(frames=30), threads=threads))
    assert [round(level(frame)) for frame in frames] == pytest.approx(
        [40 + i * 5 % 160 for i in range(30)], abs=3
    )


def test_close_from_another_thread_while_reading(make_video: MakeVideo) -> None:
    source = FileSource(make_video(frames=30), loop=0)
    started = threading.Event()
    read: list[int] = []

    def consume() -> None:
        for frame in source:
            read.append(frame.index)
            started.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert started.wait(10)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    assert source.status.state is SourceState.ENDED
    assert source.status.read == len(read)


def test_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as file:
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame(64, 64, "yuvj420p")
        frame.pts = 0
        file.mux(cover.encode(frame))
        file.mux(cover.encode(None))
    with av.open(str(path)) as file:
        assert file.streams.video[0].disposition == av.stream.Disposition.attached_pic
    with pytest.raises(DecodeError, match="no video in it"):
        FileSource(path).open()


def _unchanged(count: Callable[[], int], for_s: float = 0.5) -> Callable[[], bool]:
    """Whether a count has stayed as it is for so long, each time that it is asked."""
    last, since = count(), time.monotonic()

    def unchanged() -> bool:
        nonlocal last, since
        if (now := count()) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= for_s

    return unchanged


@pytest.mark.parametrize("sent", [1.0, 0.0], ids=["while it is read", "while it is opened"])
def test_closing_does_not_wait_for_a_disk_that_hangs(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: float
) -> None:
    """A pipe whose other end says nothing stands in for it: a read of either never comes back."""
    monkeypatch.setattr(file_source, "HUNG_S", 0.1)
    content = make_video("street.ts", 30).read_bytes()
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    source, frames, errors = FileSource(pipe), [], []

    def read() -> None:
        try:
            frames.extend(source)
        except SourceError as exc:
            errors.append(str(exc))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    with pipe.open("wb", buffering=0) as disk:
        disk.write(content[: int(sent * len(content))])
        if sent:
            wait_for(lambda: source.status.read > 0, "no frame was read")
            # Only a read of what was not sent hangs: before that the reader ends by itself.
            wait_for(_unchanged(lambda: source.status.read), "what was sent is not read to its end")
        closing = threading.Thread(target=source.close, daemon=True)
        closing.start()
        closing.join(20)
        assert not closing.is_alive()
        assert reading.is_alive()  # the read hangs still
    reading.join(20)  # it has come back, and its thread ends and frees the file
    assert not reading.is_alive()
    assert source._reader is None
    if sent:
        assert (source.status.state, errors) == (SourceState.ENDED, [])
    else:
        assert "brought nothing that is a video" in errors[0]


def video_frames() -> list[av.VideoFrame]:
    return [one for one in gc.get_objects() if isinstance(one, av.VideoFrame)]


def test_decoded_frames_go_with_their_pictures(make_video: MakeVideo) -> None:
    """A frame in a circle would live until the garbage collector comes, a hundred others with it."""
    path = make_video("street.mp4", 30)
    with without_collector():
        before = len(video_frames())
        source = FileSource(path)
        source.open()
        assert sum(1 for frame in source if frame.image.any()) == 30
        source.close()
        assert len(video_frames()) - before <= 1  # the one whose display matrix was read

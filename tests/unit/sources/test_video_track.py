"""What containers say of their video: which track is shown, its rate, its length, its size in bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from sightline.errors import DecodeError
from sightline.sources.video_track import (
    LIMIT_PIXELS,
    expected_frames,
    is_cut_off,
    size_error,
    stated_size,
    tells_order,
    timing,
    video_stream,
)


def video(form: str, *tracks: tuple[str, int, int], rate: int = 25) -> bytes:
    """A file with one track of each (codec, frames, side in pixels)."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        made = []
        for codec, frames, side in tracks:
            stream = container.add_stream(codec, rate=rate)
            stream.width = stream.height = side
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            made.append((stream, frames))
        for stream, frames in made:
            noise = np.random.default_rng(3)
            for _ in range(frames):
                picture = noise.integers(0, 255, (stream.height, stream.width, 3), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode(None))
    return file.getvalue()


def opened(data: bytes) -> Any:
    return av.open(io.BytesIO(data))


def track(**values: Any) -> Any:
    """A track of which only that is known which a test is about."""
    known = {"index": 0, "frames": 0, "metadata": {}, "disposition": Disposition(0)}
    codec = {"name": "h264", "width": 640, "height": 480} | values.pop("codec", {})
    values = known | values
    values.setdefault("codec_context", SimpleNamespace(**codec))
    return SimpleNamespace(**values)


def holding(*tracks: Any, best: Any = None, form: str = "mov,mp4") -> Any:
    streams = SimpleNamespace(video=tracks, best=lambda _: best)
    return SimpleNamespace(streams=streams, format=SimpleNamespace(name=form))


def test_the_video_of_a_file_is_its_video() -> None:
    with opened(video("matroska", ("mpeg4", 5, 48))) as container:
        shown = video_stream(container)
        assert shown is container.streams.video[0]
        assert timing(shown) == (25, None)


def test_a_sound_has_no_video() -> None:
    assert video_stream(holding()) is None


def test_text_is_no_video_though_ffmpeg_would_play_it() -> None:
    assert video_stream(holding(track(), form="tty")) is None


def test_a_track_whose_codec_is_unknown_is_left_out() -> None:
    unknown, known = track(codec_context=None), track(index=1)
    assert video_stream(holding(unknown, known, best=unknown)) is known
    assert video_stream(holding(unknown, best=unknown)) is None


@pytest.mark.parametrize("kind", [Disposition.attached_pic, Disposition.timed_thumbnails])
def test_a_cover_is_no_video(kind: Disposition) -> None:
    cover, film = track(disposition=kind), track(index=1)
    assert video_stream(holding(cover, film, best=cover)) is film
    assert video_stream(holding(cover, best=cover)) is None


@pytest.mark.parametrize(
    "values",
    [
        {"frames": 1},
        {"metadata": {"DURATION": "00:00:00.040000000"}},
    ],
    ids=["one frame", "shown for one frame"],
)
def test_a_picture_that_is_not_marked_as_cover_gives_way_to_a_film(values: Any) -> None:
    still = track(codec={"name": "mjpeg", "width": 4000, "height": 3000}, **values)
    film = track(index=1)
    assert video_stream(holding(still, film, best=still)) is film
    assert video_stream(holding(still, best=still)) is still, "alone it is what is shown"


def test_a_film_of_jpegs_is_a_film() -> None:
    film = track(codec={"name": "mjpeg"}, metadata={"DURATION": "00:00:04.000000000"})
    assert video_stream(holding(film, track(index=1), best=film)) is film


def test_among_films_that_ffmpeg_does_not_choose_the_default_and_then_the_largest_is_shown() -> (
    None
):
    cover = track(disposition=Disposition.attached_pic)
    small = track(index=1)
    large = track(index=2, codec={"width": 1920, "height": 1080})
    twin = track(index=3, codec={"width": 1920, "height": 1080})
    assert video_stream(holding(cover, small, twin, large, best=cover)) is large
    default = track(index=4, disposition=Disposition.default)
    assert video_stream(holding(cover, large, default, best=cover)) is default


@pytest.mark.parametrize(
    ("average", "guessed", "own", "rate"),
    [
        (Fraction(25), None, None, 25.0),
        (None, Fraction(30000, 1001), None, 30000 / 1001),
        (Fraction(0), Fraction(15), None, 15.0),
        (Fraction(90000), Fraction(15), Fraction(12), 15.0),
        (Fraction(1, 1000), Fraction(90000), Fraction(12), 12.0),
        (Fraction(1, 1000), None, None, 0.001),
        (Fraction(90000), None, None, 90000.0),
        (Fraction(1, 90000), None, None, None),
        (None, None, None, None),
    ],
)
def test_nominal_rate(average: Any, guessed: Any, own: Any, rate: float | None) -> None:
    container = SimpleNamespace(format=SimpleNamespace(name="matroska"), duration=None)
    stream = track(
        average_rate=average, guessed_rate=guessed, container=container, codec={"framerate": own}
    )
    assert timing(stream) == (rate, None)


@pytest.mark.parametrize(
    ("frames", "duration", "rate", "expected"),
    [
        (377, 10_000_000, 25, 377),
        (0, 10_000_000, 25, 250),
        (0, 1, 25, 1),
        (0, None, 25, None),
        (0, 0, 25, None),
        (0, -5, 25, None),
        (0, 10_000_000, None, None),
    ],
    ids=["counted", "from its duration", "one at least", "live", "no length", "damaged", "no rate"],
)
def test_how_many_frames_there_should_be(
    frames: int, duration: int | None, rate: int | None, expected: int | None
) -> None:
    container: Any = SimpleNamespace(duration=duration)
    assert expected_frames(container, track(frames=frames), rate) == expected


def test_a_picture_at_the_limit_is_decoded_and_a_larger_one_is_named() -> None:
    assert size_error(track(codec={"width": LIMIT_PIXELS, "height": 1}), "a.mp4") is None
    error = size_error(track(codec={"width": 20_000, "height": 10_000}), "a.mp4")
    assert isinstance(error, DecodeError)
    assert str(error) == (
        "a.mp4 has 20000 x 10000 pixels, more than the limit of 100000000: make it smaller"
    )


@pytest.mark.parametrize(
    ("form", "codec", "duration", "tells"),
    [
        ("mov,mp4", "h264", 1, True),
        ("avi", "h264", 1, False),
        ("asf", "hevc", 1, False),
        ("avi", "mpeg4", 1, True),
        ("rtsp", "h264", None, False),
        ("mpegts", "h264", 0, False),
        ("mpegts", "h264", -1, False),
    ],
)
def test_whether_times_tell_what_is_missing(
    form: str, codec: str, duration: int | None, tells: bool
) -> None:
    container = SimpleNamespace(format=SimpleNamespace(name=form), duration=duration)
    assert tells_order(container, track(codec={"name": codec})) is tells


@pytest.mark.parametrize("form", ["avi", "matroska", "webm"])
def test_a_container_states_its_size(form: str) -> None:
    codec = "libvpx" if form == "webm" else "mpeg4"
    data = video(form, (codec, 5, 48))
    assert stated_size(data[:4096]) == len(data)


@pytest.mark.parametrize("form", ["mp4", "mpegts", "flv"])
def test_other_containers_state_none(form: str) -> None:
    codec = "flv1" if form == "flv" else "mpeg4"
    assert stated_size(video(form, (codec, 2, 48))[:4096]) is None


EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"", None),
        (b"RIFF", None),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"RIFF\xff\xff\xff\xffAVI ", None),
        (b"RIFF\x10\x00\x00\x00AVI ", 24),
        (b"RIFF\x10\x00\x00\x00WAVE", None),
        (EBML, None),
        (EBML + b"\x00", None),
        (EBML + b"\x82ab", None),
        (EBML + b"\x82ab" + SEGMENT, None),
        (EBML + b"\x82ab" + SEGMENT + b"\x83", 15),
        (EBML + b"\x40\x02ab" + SEGMENT + b"\x40\x07", 21),
        (EBML + b"\x82ab" + SEGMENT + b"\xff", None),
        (EBML + b"\x82ab" + SEGMENT + b"\x01" + b"\xff" * 7, None),
        (EBML + b"\x82ab" + SEGMENT + b"\x01" + b"\x00" * 6, None),
        (EBML + b"\xffab" + SEGMENT + b"\x83", None),
        (EBML + b"\x82ab" + b"\x00\x00\x00\x00" + b"\x83", None),
    ],
    ids=[
        "empty", "RIFF alone", "AVI being recorded", "AVI of unknown size", "AVI", "a sound",
        "EBML alone", "no width", "no segment", "segment without a size", "Matroska", "two bytes wide",
        "unknown", "unknown, eight bytes", "half a size", "header of unknown size", "something else",
    ],
)  # fmt: skip
def test_stated_sizes_by_hand(head: bytes, size: int | None) -> None:
    assert stated_size(head) == size


def read_to_its_end(data: bytes, *, torn: bool = False, size: int | None = None) -> bool:
    with opened(data) as container:
        stream = video_stream(container)
        assert stream is not None
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        ends = [float((one.pts + (one.duration or 0)) * one.time_base) for one in packets]
        return is_cut_off(
            container, stream, max(ends, default=0.0), len(data) if size is None else size,
            torn=torn, stated=stated_size(data[:4096]),
        )  # fmt: skip


@pytest.mark.parametrize("form", ["avi", "matroska", "mp4"])
def test_a_whole_file_is_whole(form: str) -> None:
    assert not read_to_its_end(video(form, ("mpeg4", 30, 48)))


@pytest.mark.parametrize("form", ["avi", "matroska"])
def test_half_of_a_file_is_cut_off(form: str) -> None:
    data = video(form, ("mpeg4", 30, 48))
    assert read_to_its_end(data[: len(data) // 2])


def test_a_file_of_which_only_the_index_is_missing_is_not_cut_off() -> None:
    data = video("avi", ("mpeg4", 30, 48))
    assert not read_to_its_end(data[: data.rindex(b"idx1")])


def test_an_mp4_whose_index_reaches_beyond_its_end_is_cut_off() -> None:
    data = video("mp4", ("mpeg4", 30, 48))
    assert read_to_its_end(data, size=len(data) // 2)
    assert not read_to_its_end(data, size=0), "the size is not known"


@pytest.mark.parametrize(
    ("form", "torn", "cut"), [("flv", True, True), ("flv", False, False), ("mpegts", True, False)]
)
def test_a_damaged_last_packet(form: str, torn: bool, cut: bool) -> None:
    codec = "flv1" if form == "flv" else "mpeg4"
    assert read_to_its_end(video(form, (codec, 5, 48)), torn=torn) is cut


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)

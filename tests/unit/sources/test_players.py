"""Videos as people have them: the frames and the size are those that FFmpeg's own player shows.

What is right comes from ``ffprobe -count_frames``, which reads a file with other code than ours.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest

from sightline.errors import DecodeError
from sightline.sources.file import FileSource
from sightline.sources.live import LiveSource
from sightline.types import Frame

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="ffmpeg and ffprobe are not installed",
)

PICTURES = ["-f", "lavfi", "-i", "testsrc2=size=160x96:rate=20:duration=1.5"]  # 30 frames
FEW = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=0.3"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=1.5"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p"]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "bframes=3:log-level=none"]
CODECS = {
    "h264": H264,
    "h264 without reordering": [*H264, "-bf", "0"],
    "hevc": HEVC,
    "mpeg4": ["-c:v", "mpeg4", "-bf", "2"],
    "mpeg2": ["-c:v", "mpeg2video", "-bf", "2"],
    "mjpeg": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    "vp8": ["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "1", "-lag-in-frames", "9"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"],
    "av1": ["-c:v", "libsvtav1", "-preset", "12"],
    "prores": ["-c:v", "prores_ks", "-profile:v", "0"],
    "theora": ["-c:v", "libtheora"],
    "wmv": ["-c:v", "wmv2"],
    "flv1": ["-c:v", "flv"],
}
CONTAINERS = {
    "mp4": ["h264", "h264 without reordering", "hevc", "mpeg4", "av1"],
    "mov": ["h264", "prores", "mjpeg"],
    "mkv": ["h264", "hevc", "mpeg2", "vp9", "mjpeg"],
    "webm": ["vp8", "vp9"],
    "avi": ["mpeg4", "mjpeg", "h264 without reordering"],
    "ts": ["h264", "hevc", "mpeg2"],
    "mpg": ["mpeg2"],
    "flv": ["h264", "flv1"],
    "wmv": ["wmv"],
    "ogv": ["theora"],
    "3gp": ["h264"],
    "nut": ["h264"],
}
SOUNDS = {"webm": "libopus", "ogv": "libvorbis", "avi": "mp2", "mpg": "mp2", "wmv": "wmav2"}


def ffmpeg(*arguments: str | Path) -> None:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, arguments)], capture_output=True, check=False
    )
    said = done.stderr.decode(errors="replace")
    if "Unknown encoder" in said:
        pytest.skip(said.strip().splitlines()[0])
    assert done.returncode == 0, said


def counted(path: Path, index: int) -> int:
    """How many frames ``ffprobe`` decodes of the track with this index."""
    said = subprocess.run(
        ["ffprobe", "-v", "quiet", "-count_frames", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        check=True,
    )
    found = {stream["index"]: stream for stream in json.loads(said.stdout)["streams"]}
    return int(found[index]["nb_read_frames"])


def shown(path: Path) -> list[Frame]:
    source = FileSource(path)
    frames = list(source)
    assert source.status.dropped == {}
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    return frames


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A factory of 30 pictures by codec, each encoded once and remuxed by the tests."""
    folder = tmp_path_factory.mktemp("encoded")

    def make(codec: str) -> Path:
        path = folder / f"{codec}.{'nut' if codec != 'prores' else 'mov'}"
        if not path.exists():
            ffmpeg(*PICTURES, *CODECS[codec], path)
        return path

    return make


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cover") / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", path)
    return path


@pytest.mark.parametrize("order", ["picture first", "sound first"])
@pytest.mark.parametrize(
    ("container", "codec"),
    [(container, codec) for container, codecs in CONTAINERS.items() for codec in codecs],
)
def test_every_frame_of_every_container(
    tmp_path: Path, encoded: Callable[[str], Path], container: str, codec: str, order: str
) -> None:
    path = tmp_path / f"video.{container}"
    maps = (
        ["-map", "0:v", "-map", "1"] if order == "picture first" else ["-map", "1", "-map", "0:v"]
    )
    sound = [
        "-c:a",
        SOUNDS.get(container, "aac"),
        "-ar",
        "48000" if container == "webm" else "44100",
    ]
    ffmpeg("-i", encoded(codec), *SOUND, *maps, "-c:v", "copy", *sound, path)
    with av.open(str(path)) as file:
        index = file.streams.video[0].index
    assert len(shown(path)) == counted(path, index) == 30


def test_sound_lasts_longer(tmp_path: Path, encoded: Callable[[str], Path]) -> None:
    path = tmp_path / "video.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=9", "-i", encoded("h264"), "-c:v", "copy", path)
    assert len(shown(path)) == 30


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("marked", ["attached_pic", "default", "0"])
def test_a_cover_is_not_the_video(
    tmp_path: Path,
    encoded: Callable[[str], Path],
    cover: Path,
    container: str,
    place: str,
    marked: str,
) -> None:
    """The muxers of some containers write an ordinary track of one picture."""
    path = tmp_path / f"video.{container}"
    number = 0 if place == "before" else 1
    maps = ["-map", "0", "-map", "1"] if place == "before" else ["-map", "1", "-map", "0"]
    ffmpeg(
        *("-i", cover, "-i", encoded("h264"), *maps, "-c", "copy"),
        *(f"-disposition:v:{number}", marked, f"-disposition:v:{1 - number}", "0", path),
    )
    frames = shown(path)
    assert len(frames) == 30
    assert (frames[0].width, frames[0].height) == (160, 96)


def test_an_attached_cover_is_not_the_video(
    tmp_path: Path, encoded: Callable[[str], Path], cover: Path
) -> None:
    path = tmp_path / "video.mkv"
    ffmpeg(
        *("-i", encoded("h264"), "-c", "copy", "-attach", cover),
        *("-metadata:s:t", "mimetype=image/jpeg", path),
    )
    assert len(shown(path)) == 30


def test_a_song_with_a_cover_is_no_video(tmp_path: Path, cover: Path) -> None:
    path = tmp_path / "song.m4a"
    ffmpeg(
        *(*SOUND, "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy"),
        *("-disposition:v:0", "attached_pic", path),
    )
    with pytest.raises(DecodeError, match="no video in it"):
        FileSource(path).open()


@pytest.mark.parametrize(
    ("first", "second", "size"),
    [
        pytest.param("default", "0", (96, 64), id="the default one"),
        pytest.param("0", "default", (160, 96), id="the default one, though second"),
        pytest.param("default", "default", (160, 96), id="the one of more frames"),
        pytest.param("visual_impaired", "0", (160, 96), id="none for the blind"),
    ],
)
def test_which_of_two_tracks(
    tmp_path: Path,
    encoded: Callable[[str], Path],
    first: str,
    second: str,
    size: tuple[int, int],
) -> None:
    path = tmp_path / "video.mkv"
    ffmpeg(
        *(*FEW, "-i", encoded("h264"), "-map", "0", "-map", "1", *H264),
        *("-disposition:v:0", first, "-disposition:v:1", second, path),
    )
    frames = shown(path)
    assert (frames[0].width, frames[0].height) == size
    assert len(frames) == counted(path, 0 if size == (96, 64) else 1)


def test_several_programs(tmp_path: Path, encoded: Callable[[str], Path]) -> None:
    path = tmp_path / "video.ts"
    ffmpeg(
        *(*FEW, "-i", encoded("h264"), *SOUND, "-map", "2", "-map", "0", "-map", "1", *H264),
        *("-program", "title=small:st=0:st=1", "-program", "title=large:st=2", path),
    )
    assert len(shown(path)) == counted(path, 2) == 30


def test_a_track_of_data_first(tmp_path: Path, encoded: Callable[[str], Path]) -> None:
    path = tmp_path / "video.mov"
    text = tmp_path / "said.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    ffmpeg(
        *("-i", encoded("h264"), "-i", text, "-map", "1", "-map", "0", "-map", "0"),
        *("-c:v", "copy", "-c:s", "mov_text", "-timecode", "10:00:00:00", path),
    )
    assert len(shown(path)) == 30


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(["-ss", "0.8"], id="edit list over a group of pictures"),
        pytest.param(["-itsoffset", "3"], id="begins late"),
        pytest.param(["-ss", "0.3", "-t", "0.5"], id="a piece of it"),
    ],
)
@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "ts"])
def test_odd_starts(
    tmp_path: Path, encoded: Callable[[str], Path], container: str, start: Sequence[str]
) -> None:
    path = tmp_path / f"video.{container}"
    ffmpeg(*SOUND, *start, "-i", encoded("h264"), "-map", "0", "-map", "1", "-c:v", "copy", path)
    assert len(shown(path)) == counted(path, 1)


@pytest.mark.parametrize("codec", ["h264", "mpeg2"])
def test_begins_within_a_group_of_pictures(
    tmp_path: Path, encoded: Callable[[str], Path], codec: str
) -> None:
    whole, path = tmp_path / "whole.ts", tmp_path / "video.ts"
    ffmpeg(*SOUND, "-i", encoded(codec), "-map", "0", "-map", "1", "-c:v", "copy", whole)
    content = whole.read_bytes()
    path.write_bytes(content[: 188 * 5] + content[188 * (len(content) // 188 // 3) :])
    with av.open(str(path)) as file:
        index = file.streams.video[0].index
    source = FileSource(path)
    good = len(list(source))
    damaged = source.status.dropped.get("corrupt", 0)
    assert 10 <= good < 30
    assert good <= counted(path, index) <= good + damaged


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_variable_rate(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"video.{container}"
    kept = "select='not(mod(n,3))+lt(n,9)'"
    ffmpeg(*SOUND, *PICTURES, "-map", "0", "-map", "1", "-vf", kept, "-vsync", "vfr", *H264, path)
    frames = shown(path)
    wanted = [n / 20 for n in range(30) if n % 3 == 0 or n < 9]
    assert [frame.time for frame in frames] == pytest.approx(wanted, abs=2e-3)
    assert len(frames) == counted(path, 1)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_one_frame_after_sound(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"video.{container}"
    ffmpeg(*SOUND, *PICTURES, "-map", "0", "-map", "1", "-frames:v", "1", *H264, path)
    assert len(shown(path)) == 1


@pytest.mark.parametrize("container", ["flv", "mkv"])
def test_a_file_that_breaks_off_within_a_packet(
    tmp_path: Path, encoded: Callable[[str], Path], container: str
) -> None:
    path = tmp_path / f"video.{container}"
    ffmpeg(*SOUND, "-i", encoded("h264"), "-map", "0", "-map", "1", "-c:v", "copy", path)
    with av.open(str(path)) as file:
        whole = [packet.pos for packet in file.demux(file.streams.video[0]) if packet.size]
    path.write_bytes(path.read_bytes()[: whole[15] + 60])
    source, frames = FileSource(path), []
    with pytest.raises(DecodeError, match=r"\d+ of \d+ frames were read, then it breaks off"):
        frames.extend(source)
    assert 13 <= len(frames) <= 15


def test_good_frames_before_the_end_of_a_file_that_breaks_off(
    tmp_path: Path, encoded: Callable[[str], Path]
) -> None:
    path = tmp_path / "video.mp4"
    ffmpeg(
        *(*SOUND, "-i", encoded("h264"), "-map", "0", "-map", "1", "-c:v", "copy"),
        *("-movflags", "+faststart", path),
    )
    with av.open(str(path)) as file:
        entry = file.streams.video[0].index_entries[20]
        cut = entry.pos
    path.write_bytes(path.read_bytes()[:cut])
    source, frames = FileSource(path), []
    with pytest.raises(DecodeError, match="20 of 30 frames were read, then it breaks off"):
        frames.extend(source)
    assert len(frames) == 20


def test_good_frames_before_damage_without_an_end(
    tmp_path: Path, encoded: Callable[[str], Path]
) -> None:
    """The decoder still holds two frames when the source gives up after 100 broken packets."""
    path, long = tmp_path / "video.mp4", tmp_path / "long.txt"
    long.write_text(f"file '{encoded('h264')}'\n" * 6)
    ffmpeg("-f", "concat", "-safe", "0", "-i", long, "-c", "copy", path)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        for entry in list(file.streams.video[0].index_entries)[30:]:
            content[entry.pos : entry.pos + entry.size] = b"\xff" * entry.size
    path.write_bytes(content)
    source, frames = FileSource(path), []
    with pytest.raises(DecodeError, match="30 of 180 frames were read, then 100 packets"):
        frames.extend(source)
    assert len(frames) == 30


@pytest.mark.parametrize(
    ("ratio", "width"),
    [
        pytest.param("2/1", 320, id="wide"),
        pytest.param("8/9", 142, id="narrow: NTSC"),
        pytest.param("16/11", 232, id="PAL, as on DVDs"),
        pytest.param("1/1", 160, id="square"),
        pytest.param("0/1", 160, id="unknown"),
        pytest.param("3201/3200", 160, id="square, rounded"),
        pytest.param("500/1", 160, id="absurd"),
        pytest.param("1/500", 160, id="absurdly narrow"),
    ],
)
@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", H264), ("mkv", H264), ("ts", H264), ("webm", CODECS["vp8"]), ("mp4", CODECS["mpeg4"])],
    ids=["mp4", "mkv", "ts", "webm", "mpeg4"],
)
def test_pixels_are_square(
    tmp_path: Path, container: str, codec: Sequence[str], ratio: str, width: int
) -> None:
    path = tmp_path / f"video.{container}"
    shape = f"scale=160:96,setsar={ratio}:max=1000"
    ffmpeg(
        *PICTURES, *SOUND, "-map", "1", "-map", "0", "-vf", shape, "-frames:v", "4", *codec, path
    )
    source = FileSource(path)
    info = source.open()
    frames = list(source)
    assert (info.width, info.height) == (width, 96)
    assert {(frame.width, frame.height) for frame in frames} == {(width, 96)}
    assert frames[0].image.shape == (96, width, 3)


def quadrants(frame: Frame) -> list[tuple[int, ...]]:
    """The colours of the four quarters: upper left, upper right, lower left, lower right."""
    pixels = frame.scaled(frame.width, frame.height, "rgb")
    rows, columns = (
        (frame.height // 4, frame.height * 3 // 4),
        (frame.width // 4, frame.width * 3 // 4),
    )
    return [tuple(round(v / 255) for v in pixels[y, x].tolist()) for y in rows for x in columns]


RED, BLACK, BLUE, WHITE = (1, 0, 0), (0, 0, 0), (0, 0, 1), (1, 1, 1)
QUARTERS = (
    "color=red:size=160x96:rate=10:duration=0.4,"
    "drawbox=80:0:80:48:black:fill,drawbox=0:48:80:48:blue:fill,drawbox=80:48:80:48:white:fill"
)


@pytest.mark.parametrize(
    ("turn", "size", "colours"),
    [
        pytest.param(0, (320, 96), [RED, BLACK, BLUE, WHITE], id="upright"),
        pytest.param(90, (96, 320), [BLACK, WHITE, RED, BLUE], id="90"),
        pytest.param(180, (320, 96), [WHITE, BLUE, BLACK, RED], id="180"),
        pytest.param(270, (96, 320), [BLUE, RED, WHITE, BLACK], id="270"),
    ],
)
def test_turned_pictures_with_wide_pixels(
    tmp_path: Path, turn: int, size: tuple[int, int], colours: list[tuple[int, ...]]
) -> None:
    flat, path = tmp_path / "flat.mp4", tmp_path / "video.mp4"
    ffmpeg("-f", "lavfi", "-i", f"{QUARTERS},setsar=2", *H264, flat)
    with av.open(str(flat)) as given, av.open(str(path), "w") as turned:
        stream = turned.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(turn)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                turned.mux(packet)
    frames = shown(path)
    assert {(frame.width, frame.height) for frame in frames} == {size}
    assert quadrants(frames[-1]) == colours


@pytest.mark.parametrize(
    ("matrix", "size", "colours"),
    [
        pytest.param((-1, 0, 0, 1), (160, 96), [BLACK, RED, WHITE, BLUE], id="left-right"),
        pytest.param((1, 0, 0, -1), (160, 96), [BLUE, WHITE, RED, BLACK], id="upside-down"),
        pytest.param((0, 1, 1, 0), (96, 160), [RED, BLUE, BLACK, WHITE], id="transposed"),
        pytest.param((0, -1, -1, 0), (96, 160), [WHITE, BLACK, BLUE, RED], id="anti-transposed"),
    ],
)
def test_mirrored_pictures(
    tmp_path: Path, matrix: tuple[int, ...], size: tuple[int, int], colours: list[tuple[int, ...]]
) -> None:
    """As front cameras and cameras on ceilings write them."""
    path = tmp_path / "video.mp4"
    ffmpeg("-f", "lavfi", "-i", QUARTERS, *H264, path)
    content = path.read_bytes()
    at = content.index(b"tkhd") + 44  # the matrix of the track's header, version 0
    a, b, c, d = (number << 16 for number in matrix)
    stated = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:at] + stated + content[at + len(stated) :])
    frame = shown(path)[-1]
    assert (frame.width, frame.height) == size
    assert quadrants(frame) == colours


@pytest.mark.parametrize("codec", ["h264", "mpeg2"])
def test_the_ratio_changes_in_the_middle(tmp_path: Path, codec: str) -> None:
    path, content = tmp_path / "video.ts", b""
    for number, shape in enumerate(("setsar=1", "setdar=16/9", "setdar=4/3")):
        part = tmp_path / f"{number}.ts"
        later = ["-output_ts_offset", str(number * 2)]
        ffmpeg(*PICTURES, "-vf", shape, *CODECS[codec], *later, part)
        content += part.read_bytes()
    path.write_bytes(content)
    widths = [frame.width for frame in FileSource(path)]
    assert widths == [160] * 30 + [170] * 30 + [128] * 30


def test_short_parts_one_after_the_other(tmp_path: Path) -> None:
    """Timestamps begin anew within the time for which frames near damage may come late."""
    part, path = tmp_path / "part.ts", tmp_path / "video.ts"
    larger = tmp_path / "larger.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=1", *H264, part)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x192:r=25:d=1", *H264, larger)
    path.write_bytes(part.read_bytes() + larger.read_bytes() + part.read_bytes())
    assert [frame.width for frame in shown(path)] == [160] * 25 + [320] * 25 + [160] * 25


def test_the_container_precedes_the_codec(tmp_path: Path, encoded: Callable[[str], Path]) -> None:
    path = tmp_path / "video.mkv"
    ffmpeg("-i", encoded("h264"), "-c", "copy", "-aspect", "10:3", path)
    assert {(frame.width, frame.height) for frame in shown(path)} == {(320, 96)}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


def test_a_recording_from_the_network(tmp_path: Path, cover: Path) -> None:
    """Sound first, a cover, wide pixels: the reading thread follows the same rules."""
    path = tmp_path / "video.mp4"
    ffmpeg(
        *(*PICTURES, *SOUND, "-i", cover, "-map", "1", "-map", "2", "-map", "0"),
        *("-disposition:v:0", "attached_pic", "-c:v:0", "mjpeg", "-filter:v:1", "setsar=2"),
        *("-c:v:1", "libx264", "-bf:v:1", "2", "-pix_fmt:v:1", "yuv420p"),
        *("-movflags", "+faststart", path),
    )
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        source = LiveSource(f"http://127.0.0.1:{server.server_port}/video.mp4")
        info = source.open()
        frames = list(source)
        server.shutdown()
    assert (info.width, info.height, info.live) == (320, 96, False)
    assert len(frames) == 30
    assert {(frame.width, frame.height) for frame in frames} == {(320, 96)}
    assert source.status.dropped == {}

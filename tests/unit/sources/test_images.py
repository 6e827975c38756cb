"""Pictures: formats, orientation, limits, damage; folders, globs and lists."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import build
from sightline.errors import ConfigError, DecodeError, SourceError
from sightline.sources import images
from sightline.sources.image_header import read_header
from sightline.sources.images import ImageSource, decode_image, natural_key, read_image
from sightline.types import Pixels, SourceState

NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
SUFFIXES = ["jpg", "png", "webp", "bmp", "tif"]


def sample(width: int = 64, height: int = 48) -> Pixels:
    """Red left, blue right, BGR."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 2] = 255
    pixels[:, width // 2 :, 0] = 255
    return pixels


def encode(suffix: str, pixels: Pixels | None = None) -> bytes:
    done, data = cv2.imencode(f".{suffix}", sample() if pixels is None else pixels)
    assert done
    return bytes(data)


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and has no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0)


def tiff_of(*tags: tuple[int, int, int], data: bytes = b"") -> bytes:
    """A TIFF with these tags (number, type, value) before those of an 8 bit grey picture."""
    grey = ((258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, len(data)))
    entries = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in (*tags, *grey)]
    start = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return start + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def webp_with_canvas(picture: bytes, side: int) -> bytes:
    """A WebP whose extended header says another size than its picture."""
    side_bytes = (side - 1).to_bytes(3, "little")
    header = b"VP8X" + struct.pack("<II", 10, 0) + side_bytes * 2
    body = b"WEBP" + header + picture[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until it has so many."""
    done, data = cv2.imencode(".jpg", sample(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert done
    jpeg = bytes(data)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * (count - jpeg.count(b"\xff\xda")) + jpeg[-2:]


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block that holds one entry."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bild 街 😀.{suffix}"
    path.write_bytes(encode(suffix))
    pixels = read_image(path)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - sample())[:, 2:-2].mean() < 8
    header = read_header(encode(suffix))
    assert header is not None
    assert (header.width, header.height, header.complete) == (64, 48, True)


def test_a_bitmap_from_the_top_down() -> None:
    data = bytearray(encode("bmp"))
    data[22:26] = struct.pack("<i", -48)
    header = read_header(bytes(data))
    assert header is not None
    assert (header.width, header.height) == (64, 48)
    assert decode_image(bytes(data)).shape == (48, 64, 3)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(sample()[..., :1], id="grey"),
        pytest.param(np.dstack([sample(), np.zeros((48, 64, 1), np.uint8)]), id="alpha"),
        pytest.param(sample().astype(np.uint16) * 257, id="16 bits"),
    ],
)
def test_other_depths_become_bgr(pixels: Pixels) -> None:
    decoded = decode_image(encode("png", pixels))
    assert (decoded.shape, decoded.dtype) == ((48, 64, 3), np.uint8)
    assert decoded[0, 0].max() in (0, 255)


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        pytest.param(1, (48, 64), (24, 8), id="upright"),
        pytest.param(3, (48, 64), (24, 56), id="upside down"),
        pytest.param(6, (64, 48), (8, 24), id="turn clockwise"),
        pytest.param(8, (64, 48), (56, 24), id="turn counter-clockwise"),
    ],
)
@pytest.mark.parametrize("second", [False, True], ids=["cv2", "second decoder"])
def test_orientation(
    monkeypatch: pytest.MonkeyPatch,
    orientation: int,
    size: tuple[int, int],
    red: tuple[int, int],
    second: bool,
) -> None:
    data = with_orientation(encode("jpg"), orientation)
    if second:
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
        monkeypatch.setattr(images.cv2, "imdecode", lambda *_: None)
    pixels = decode_image(data)
    assert pixels.shape[:2] == size
    assert np.abs(pixels[red].astype(int) - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_second_decoder(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("broken")

    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setattr(images.cv2, "imdecode", fail)
    pixels = decode_image(encode(suffix))
    assert np.abs(pixels.astype(int) - sample())[:, 2:-2].mean() < 8


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".mpo"])
def test_a_jpeg_under_its_other_names(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(encode("jpg"))
    (given,) = build.inputs([str(tmp_path / f"a{suffix}")])
    assert given.still
    assert len(list(ImageSource(tmp_path))) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "no JPEG, PNG, WebP, BMP or TIFF picture, but empty", id="empty"),
        pytest.param(b"\0\0\0\x18ftypheic", "but a HEIC picture: convert it", id="HEIC"),
        pytest.param(b"\0\0\0\x20ftypavif", "but an AVIF picture: convert it", id="AVIF"),
        pytest.param(b"\xef\xbb\xbf\r\n<HTML>", "but a web page", id="web page"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1", "`git lfs pull`", id="LFS"),
        pytest.param(b'{"error": "gone"}', "but JSON", id="JSON"),
        pytest.param(b"II+\0\x08\0", "but a BigTIFF", id="BigTIFF"),
        pytest.param(b"hello, world", "picture: check what it is", id="text"),
        pytest.param(b"GIF89a" + bytes(99), "but a GIF: `sightline track`", id="another format"),
        pytest.param(b"\xff\xd8\xff\xe0", "no JPEG, PNG", id="only a signature"),
        pytest.param(b"<svg>" + encode("png"), "no JPEG, PNG", id="polyglot"),
        pytest.param(png_of(20_000, 20_000), "20000 x 20000 pixels, more than", id="bomb"),
        pytest.param(png_of(0, 5), "0 x 5", id="no pixels"),
        pytest.param(png_of(5, 5), "damaged PNG", id="header only"),
        pytest.param(encode("jpg")[:-8], "breaks off", id="cut JPEG"),
        pytest.param(encode("png")[:-60], "damaged PNG", id="cut PNG"),
        pytest.param(encode("webp", NOISE)[:-60], "damaged WebP", id="cut WebP"),
    ],
)
def test_refused(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        decode_image(data, name="upload 7")
    assert str(caught.value).startswith("upload 7 ")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_limit_is_read_from_the_header(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(images.cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(DecodeError, match="more than the limit of 3071"):
        decode_image(encode(suffix), limit_pixels=64 * 48 - 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            tiff_of((256, 4, 20_000), (257, 4, 20_000), (256, 4, 1), (257, 4, 1)),
            "20000 x 20000 pixels, more than",
            id="TIFF that says its size twice",
        ),
        pytest.param(
            tiff_of((256, 16, 8), (257, 16, 16), data=struct.pack("<QQ", 20_000, 20_000)),
            "no JPEG, PNG",
            id="TIFF with its size in 64 bits elsewhere",
        ),
        pytest.param(
            tiff_of((256, 4, 9), (257, 4, 9), (322, 4, 15_000), (323, 4, 15_000)),
            "no JPEG, PNG",
            id="small TIFF in a huge tile",
        ),
        pytest.param(
            webp_with_canvas(encode("webp", sample(200, 200)), 8),
            "damaged WebP",
            id="WebP larger than its canvas",
        ),
        pytest.param(with_scans(101), "101 scans, more than 100", id="JPEG of many scans"),
    ],
)
def test_no_picture_is_larger_than_its_header_says(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_image(data, limit_pixels=10_000)


def test_usual_scans_and_tiles_are_read() -> None:
    assert decode_image(with_scans(10)).shape == (48, 64, 3)
    tile = bytes(range(256)) * 256
    tags = ((256, 3, 48), (257, 3, 40), (322, 3, 256), (323, 3, 256), (324, 4, 8))
    pixels = decode_image(tiff_of(*tags, (325, 4, len(tile)), data=tile), limit_pixels=2_000)
    assert pixels.shape == (40, 48, 3)
    assert pixels[0, :, 0].tolist() == list(range(48))


@given(st.binary(max_size=200), st.sampled_from([*SUFFIXES, ""]), st.integers(0, 300))
def test_headers_survive_anything(junk: bytes, suffix: str, keep: int) -> None:
    read_header((encode(suffix)[:keep] if suffix else b"") + junk)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing\.jpg cannot be read"):
        read_image(tmp_path / "nothing.jpg")


@given(st.lists(st.text("0123456789ab²", max_size=6)))
def test_natural_key_orders_anything(names: list[str]) -> None:
    sorted(names, key=natural_key)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures 1, 2 and 10 of different widths, and a text."""
    folder = tmp_path / "Bilder 街"
    folder.mkdir()
    for number in (10, 2, 1):
        (folder / f"p{number}.JPG").write_bytes(encode("jpg", sample(64 + 2 * number)))
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.mark.parametrize(
    ("where", "names"),
    [
        pytest.param(lambda f: f, ["p1.JPG", "p2.JPG", "p10.JPG"], id="folder"),
        pytest.param(lambda f: str(f / "p1*.JPG"), ["p1.JPG", "p10.JPG"], id="glob"),
        pytest.param(lambda f: str(f.parent / "**" / "p2.*"), ["p2.JPG"], id="glob over folders"),
        pytest.param(lambda f: f / "p10.JPG", ["p10.JPG"], id="file"),
        pytest.param(lambda f: [f / "p2.JPG", str(f / "p1.JPG")], ["p2.JPG", "p1.JPG"], id="list"),
    ],
)
def test_what_is_meant(
    folder: Path, where: Callable[[Path], str | Path | list[Path]], names: list[str]
) -> None:
    source = ImageSource(where(folder))
    info = source.open()
    assert info.still
    assert not info.live
    assert info.frames == len(names)
    frames = list(source)
    assert [frame.stream for frame in frames] == names
    assert [frame.index for frame in frames] == list(range(len(names)))
    widths = [64 + 2 * int(name[1:-4]) for name in names]
    assert [frame.width for frame in frames] == widths
    assert info.width == widths[0]


def test_same_names_in_two_folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(encode("png"))
    frames = list(ImageSource(str(tmp_path / "*" / "*.png")))
    assert [Path(frame.stream).as_posix() for frame in frames] == ["a/1.png", "b/1.png"]


def test_frames_of_a_film(folder: Path) -> None:
    source = ImageSource(folder, "film", fps=10)
    info = source.open()
    assert (info.still, info.fps) == (False, 10)
    frames = list(source)
    assert [frame.stream for frame in frames] == ["film"] * 3
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2])


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no pictures at .* \.bmp"):
        ImageSource(tmp_path)


def test_bad_ones_are_left_out_and_named_at_the_end(folder: Path) -> None:
    (folder / "p0.jpg").write_text("hello")
    (folder / "p3.png").write_bytes(encode("png")[:-60])
    source = ImageSource(folder)
    assert source.open().width == 66
    read: list[tuple[int, str]] = []
    with pytest.raises(DecodeError, match=r"2 of 5 pictures .*p0\.jpg.*p3\.png") as caught:
        read.extend((frame.index, frame.stream) for frame in source)
    assert read == [(1, "p1.JPG"), (2, "p2.JPG"), (4, "p10.JPG")]
    status = source.status
    assert status.state is SourceState.FAILED
    assert status.error == str(caught.value)
    assert (status.read, status.dropped) == (5, {"corrupt": 2})


def test_what_is_left_out_of_a_folder_is_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.gif", "b.GIF", "c.heic", "d.mp4", "e.txt"):
        (folder / name).touch()
    source = ImageSource(folder)
    assert len(list(source)) == 3
    assert caplog.messages == [
        f"{folder}: 2 .gif, 1 .heic: pictures of other kinds are left out: convert them to JPEG or PNG",
        f"{folder}: 1 .mp4: videos are left out: give them as '{folder}/*.mp4'",
    ]


def test_a_glob_that_matches_nothing(tmp_path: Path) -> None:
    for where in (str(tmp_path / "none" / "*.jpg"), str(tmp_path / "*.jpg")):
        with pytest.raises(SourceError, match=r"no pictures at .*\*\.jpg: give files"):
            ImageSource(where)


def test_a_glob_that_differs_in_capitals_only(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.JPG").touch()
    (tmp_path / "other.png").touch()
    with pytest.raises(SourceError, match=r"; .*IMG_1\.JPG fits but for capital letters"):
        ImageSource(str(tmp_path / "img_*.jpg"))


def test_an_empty_list() -> None:
    with pytest.raises(SourceError, match=r"no pictures at \[\]: give files"):
        ImageSource([])


def test_a_folder_of_other_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.heic").touch()
    with pytest.raises(SourceError, match=r"no pictures at .*1 \.heic: pictures of other kinds"):
        ImageSource(tmp_path)


def test_each_bad_picture_is_told_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5):
        (folder / f"bad{number}.jpg").write_text("hello")
    with pytest.raises(DecodeError) as caught:
        list(ImageSource(folder))
    for number in range(5):
        told = [text for text in (*caplog.messages, str(caught.value)) if f"bad{number}" in text]
        assert len(told) == 1, told


def test_one_that_went_away(folder: Path) -> None:
    source = ImageSource(folder)
    source.open()
    (folder / "p2.JPG").unlink()
    with pytest.raises(DecodeError, match=r"1 of 3 pictures .*p2\.JPG cannot be read"):
        list(source)
    assert source.status.dropped == {"unreadable": 1}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        pytest.param(None, SourceError, "cannot be read", id="missing"),
        pytest.param(b"hello", DecodeError, "no JPEG", id="text"),
    ],
)
def test_a_single_bad_one(
    tmp_path: Path, content: bytes | None, kind: type[SourceError], message: str
) -> None:
    path = tmp_path / "one.jpg"
    if content is not None:
        path.write_bytes(content)
    source = ImageSource(path)
    with pytest.raises(kind, match=message):
        source.open()
    assert source.status.state is SourceState.FAILED


def test_real_photograph(data: Path) -> None:
    assert read_image(data / "images" / "bus.jpg").shape == (1080, 810, 3)


@pytest.mark.parametrize("fps", [0, -25, 1001, float("nan"), float("inf")])
def test_a_film_has_a_rate(fps: float, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(encode("png"))
    with pytest.raises(ConfigError, match="fps: it must be more than 0 and at most 1000, not "):
        ImageSource(tmp_path, fps=fps)

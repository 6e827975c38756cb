"""What users give as sources: patterns, globs with brackets, session descriptions, Pillow, addresses."""

from __future__ import annotations

import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline import build
from sightline.errors import SourceError
from sightline.sources.images import picture_paths
from sightline.sources.stills import is_pil, plain_image, still_frame

PICTURES = (
    "1.jpg", "2.jpg", "10.jpg", "00003.jpg", "f-00001.png", "f-00012.png", "f-123456.png", "f-a.png",
    "cam[1]/a.jpg", "cam[1]/b.jpg", "cam1/c.jpg", "cam2/d.jpg", "x[1].jpg",
)  # fmt: skip

CASES = {
    "f-%05d.png": ["f-00001.png", "f-00012.png", "f-123456.png"],
    "%d.jpg": ["1.jpg", "2.jpg", "00003.jpg", "10.jpg"],
    "%05d.jpg": ["00003.jpg"],
    "[0-9].jpg": ["1.jpg", "2.jpg"],
    "[!1]*.jpg": ["2.jpg", "00003.jpg", "x[1].jpg"],
    "cam[12]/*.jpg": ["cam1/c.jpg", "cam2/d.jpg"],
    "cam[1]/*.jpg": ["cam[1]/a.jpg", "cam[1]/b.jpg"],
    "cam[1]": ["cam[1]/a.jpg", "cam[1]/b.jpg"],
    "x[1].jpg": ["x[1].jpg"],
    "**/[cd].jpg": ["cam1/c.jpg", "cam2/d.jpg"],
}


@pytest.mark.parametrize(("pattern", "names"), CASES.items(), ids=CASES.keys())
def test_patterns_and_globs(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for name in PICTURES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    spec = str(tmp_path / pattern)
    assert build.source_kind(spec) == "images"
    paths, _ = picture_paths(spec)
    assert [str(path.relative_to(tmp_path)) for path in paths] == names


def test_a_pattern_that_nothing_matches_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures at"):
        build.inputs([str(tmp_path / "%05d.jpg")])


def test_a_glob_of_videos_is_a_source_each(tmp_path: Path) -> None:
    for name in ("a10.mp4", "a2.mp4", "b.mp4"):
        (tmp_path / name).touch()
    found = build.inputs([str(tmp_path / "[ab][0-9]*.mp4"), "street://?duration=1"])
    assert [(i.name, i.kind) for i in found] == [
        ("a2", "file"), ("a10", "file"), ("street", "street"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["sdp", "rtp_mpegts"])
def test_rtp_is_played(kind: str, tmp_path: Path) -> None:
    """Described by a session description, or as MPEG-TS, which describes itself."""
    import shutil

    from tests.ports import free_port
    from tests.waiting import wait_for

    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg that sends RTP")
    address, sdp = f"rtp://127.0.0.1:{free_port()}", tmp_path / "cam.sdp"
    described = kind == "sdp"
    how = ["-f", "rtp", "-sdp_file", str(sdp)] if described else ["-f", "rtp_mpegts"]
    sender = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10", "-c:v",
         "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5", *how, address],
    )  # fmt: skip
    try:
        if described:
            wait_for(lambda: sdp.exists() and "m=video" in sdp.read_text())
        (found,) = build.inputs([str(sdp) if described else address])
        assert (found.name, found.live) == ("cam" if described else "127.0.0.1", True)
        info = found.source.open()
        assert (info.width, info.height, info.live) == (64, 48, True)
        assert next(iter(found.source)).clock in {"arrival", "rtcp"}
        found.source.close()
    finally:
        sender.kill()
        sender.wait()


def test_a_session_description_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        build.inputs([str(tmp_path / "cam.sdp")])


@pytest.mark.parametrize(
    ("mode", "colour", "bgr"),
    [
        ("RGB", (255, 128, 0), (0, 128, 255)),
        ("RGBA", (255, 128, 0, 9), (0, 128, 255)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 77 * 256, (77, 77, 77)),
        ("CMYK", (0, 255, 255, 0), (0, 0, 255)),
    ],
)
def test_pictures_of_pillow(mode: str, colour: Any, bgr: tuple[int, ...]) -> None:
    image = pytest.importorskip("PIL.Image").new(mode, (6, 4), colour)
    assert is_pil(image)
    frame = still_frame(plain_image(image))
    assert frame.image.shape == (4, 6, 3)
    assert tuple(frame.image[2, 3].tolist()) == bgr


def test_a_picture_of_pillow_is_turned_as_its_exif_data_asks() -> None:
    image = pytest.importorskip("PIL.Image").new("RGB", (6, 4))
    image.getexif()[0x0112] = 6
    assert still_frame(plain_image(image)).image.shape == (6, 4, 3)


def test_addresses_of_pictures(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 6, 3), 9, np.uint8))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    place = f"127.0.0.1:{server.server_address[1]}"
    assert still_frame(plain_image(f"http://joe:geheim@{place}/a.png")).image.max() == 9
    with pytest.raises(SourceError, match=r"answers 404") as caught:
        plain_image(f"http://joe:geheim@{place}/x.png")
    assert "geheim" not in str(caught.value)
    for name in ("a.png", "b.jpg", "c.JPEG", "a.png?as=b.jpg", "b.jpg?as=a.png"):
        path = tmp_path / name.partition("?")[0]
        path.write_bytes(cv2.imencode(path.suffix, np.full((4, 6, 3), 9, np.uint8))[1].tobytes())
        (found,) = build.inputs([f"http://{place}/{name}"])
        assert [frame.width for frame in found.source] == [6]  # read once, as a file
    server.shutdown()
    server.server_close()
    with pytest.raises(SourceError, match="cannot be fetched"):
        plain_image(f"http://{place}/a.png")

"""Pictures: size, channel order, placement, colours, rotation, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import av
import cv2
import numpy as np
import pytest

from sightline.sources.pictures import ArrayPicture, Scalers, VideoPicture
from sightline.types import ChannelOrder, Frame, Picture, Pixels


def quarters(width: int, height: int) -> Pixels:
    """Red and green above blue and white, RGB."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return pixels


def array_picture(width: int, height: int) -> Picture:
    return ArrayPicture(np.ascontiguousarray(quarters(width, height)[..., ::-1]))


def video_picture(width: int, height: int) -> Picture:
    frame = av.VideoFrame.from_ndarray(quarters(width, height), "rgb24").reformat(format="yuv420p")
    return VideoPicture(frame, Scalers())


@pytest.fixture(params=[array_picture, video_picture], ids=["array", "video"])
def picture(request: pytest.FixtureRequest) -> Picture:
    result: Picture = request.param(320, 240)
    return result


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(320, 240, id="same"),
        pytest.param(160, 120, id="half"),
        pytest.param(640, 480, id="double"),
        pytest.param(101, 37, id="odd"),
        pytest.param(8, 8, id="tiny"),
    ],
)
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_corners(picture: Picture, width: int, height: int, order: str) -> None:
    pixels = picture.scaled(width, height, order)  # type: ignore[arg-type]
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    step = 1 if order == "rgb" else -1
    corners = [pixels[y, x, ::step].astype(int) for y in (0, -1) for x in (0, -1)]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    assert np.abs(np.array(corners) - expected).max() <= 6


def test_writes_into_the_middle_of_a_canvas(picture: Picture) -> None:
    canvas = np.full((200, 300, 3), 114, np.uint8)
    middle = canvas[40:160, 70:230]
    assert picture.scaled(160, 120, "bgr", middle) is middle
    assert np.array_equal(middle, picture.scaled(160, 120, "bgr"))
    middle[:] = 114
    assert (canvas == 114).all()


@pytest.mark.parametrize(
    "out",
    [
        pytest.param(np.empty((120, 161, 3), np.uint8), id="shape"),
        pytest.param(np.empty((120, 160, 3), np.float32), id="dtype"),
    ],
)
def test_refuses_another_canvas(picture: Picture, out: Pixels) -> None:
    with pytest.raises(ValueError, match="out must be"):
        picture.scaled(160, 120, "bgr", out)


def test_many_threads_see_the_same(picture: Picture) -> None:
    sizes = [(160, 120), (320, 240), (100, 60)] * 40
    expected = {size: picture.scaled(*size, "rgb") for size in sizes}
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda size: (size, picture.scaled(*size, "rgb")), sizes)
    assert all(np.array_equal(pixels, expected[size]) for size, pixels in results)


def test_a_result_is_the_callers_own(picture: Picture) -> None:
    first = picture.scaled(320, 240, "bgr")
    first[:] = 7
    assert not (picture.scaled(320, 240, "bgr") == 7).any()


def test_scalers_are_kept_but_not_without_end() -> None:
    scalers = Scalers()
    frame = av.VideoFrame(64, 64, "yuv420p")
    for width in range(16, 216, 2):
        VideoPicture(frame, scalers).scaled(width, 32, "bgr")
        VideoPicture(frame, scalers).scaled(width, 32, "rgb")
    assert 0 < len(scalers._free) <= 16
    assert all(len(pool) == 1 for pool in scalers._free.values())


@pytest.mark.parametrize(
    ("space", "full", "luma", "chroma"),
    [
        # Y, U and V of pure red by the formulae of the standards, 8 bits.
        pytest.param(5, False, 81, (90, 240), id="BT.601"),
        pytest.param(1, False, 63, (102, 240), id="BT.709"),
        pytest.param(2, False, 81, (90, 240), id="untagged is BT.601"),
        pytest.param(5, True, 76, (85, 255), id="full range"),
    ],
)
def test_red_stays_red(space: int, full: bool, luma: int, chroma: tuple[int, int]) -> None:
    planes = np.concatenate(
        [np.full(64 * 64, luma), np.full(32 * 32, chroma[0]), np.full(32 * 32, chroma[1])]
    )
    frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(96, 64), "yuv420p")
    frame.colorspace, frame.color_range = space, 2 if full else 1
    for size in (64, 32):
        pixel = VideoPicture(frame, Scalers()).scaled(size, size, "bgr")[5, 5].astype(int)
        assert np.abs(pixel - (0, 0, 255)).max() <= 4


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id="alpha"),
        pytest.param(np.zeros((4, 4, 3), np.float32), id="float"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="empty"),
    ],
)
def test_array_picture_refuses(array: Pixels) -> None:
    with pytest.raises(ValueError, match="a picture must be"):
        ArrayPicture(array)


def test_array_picture_scales_like_opencv() -> None:
    array = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    assert np.array_equal(ArrayPicture(array).scaled(31, 17, "bgr"), cv2.resize(array, (31, 17)))
    assert np.array_equal(ArrayPicture(array).scaled(64, 48, "rgb"), array[..., ::-1])


PART = (80, 60, 240, 180)


@pytest.mark.parametrize("part", [PART, (79, 61, 241, 179)], ids=["even", "odd"])
@pytest.mark.parametrize("size", [(160, 120), (80, 60), (321, 243)], ids=["same", "half", "odd"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_a_part_is_what_the_whole_shows_there(
    picture: Picture, part: tuple[int, int, int, int], size: tuple[int, int], order: ChannelOrder
) -> None:
    left, top, right, bottom = part
    frame = Frame("quarters", 7, 0.5, 0.0, picture)
    crop = frame.cropped(*part)
    assert (crop.width, crop.height, crop.index, crop.time) == (right - left, bottom - top, 7, 0.5)
    whole = picture.scaled(320, 240, order)[top:bottom, left:right]
    wanted = cv2.resize(whole, size, interpolation=cv2.INTER_LINEAR)
    assert np.abs(crop.scaled(*size, order).astype(int) - wanted).mean() < 2
    inner = crop.cropped(2, 2, 42, 22)
    assert np.abs(inner.scaled(40, 20, order).astype(int) - whole[2:22, 2:42]).mean() < 2


def test_of_video_only_the_part_is_made() -> None:
    picture = video_picture(320, 240)
    frame = Frame("quarters", 0, 0.0, 0.0, picture)
    part = frame.cropped(*PART).image
    assert "image" not in vars(frame)  # the whole was not made
    assert np.array_equal(part, frame.image[60:180, 80:240])


@pytest.mark.parametrize(
    "part",
    [
        pytest.param((-1, 0, 10, 10), id="left of it"),
        pytest.param((0, 0, 321, 10), id="right of it"),
        pytest.param((10, 10, 10, 20), id="no pixels"),
        pytest.param((0, 20, 10, 10), id="the wrong way round"),
    ],
)
def test_a_part_lies_within_the_frame(part: tuple[int, int, int, int]) -> None:
    frame = Frame("quarters", 0, 0.0, 0.0, array_picture(320, 240))
    with pytest.raises(ValueError, match="is not within the frame of 320×240"):
        frame.cropped(*part)

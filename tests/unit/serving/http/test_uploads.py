"""From bodies of requests to pictures: what counts as what, and base64 as people write it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from sightline.config import LimitOptions
from sightline.errors import DecodeError, InvalidRequest, Malformed, TooLarge, UnsupportedMedia
from sightline.serving.http.schemas import PredictParameters
from sightline.serving.http.uploads import Upload, frame_of, picture_bytes, read_many, read_one

JPEG = cv2.imencode(".jpg", np.zeros((8, 9, 3), np.uint8))[1].tobytes()
BASE64 = base64.b64encode(JPEG).decode()
SERVICE: Any = SimpleNamespace(options=SimpleNamespace(limits=LimitOptions(parts=3)))
ASKED = PredictParameters(conf=0.5)


@settings(max_examples=40)
@given(st.binary(max_size=40), st.booleans(), st.booleans(), st.sampled_from(["", "\n", "\r\n "]))
def test_base64_as_people_write_it(data: bytes, safe: bool, padded: bool, every: str) -> None:
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    text = encode(data).decode()
    text = text if padded else text.rstrip("=")
    text = every.join(text[at : at + 8] for at in range(0, len(text), 8))
    assert picture_bytes(text, "image") == data
    assert picture_bytes(f"data:image/png;base64,{text}", "image") == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        pytest.param("data:;base64,YWI%3D", b"ab", id="percent-encoded"),
        pytest.param("DATA:image/png;x=1; Base64 ,YWI=", b"ab", id="in any case"),
    ],
)
def test_data_urls(text: str, data: bytes) -> None:
    assert picture_bytes(text, "image") == data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "data:image/svg+xml,<svg/>", "images.1: of data: URLs only base64", id="plain"
        ),
        pytest.param("data:base64", "only base64", id="no comma"),
        pytest.param("YWI*", "images.1: it is no base64", id="another letter"),
        pytest.param("YWIäYWI=", "it is no base64", id="beyond ASCII"),
        pytest.param("YWJjZ", "it is no base64", id="a letter too many"),
        pytest.param("-+++", "it is no base64", id="of both alphabets"),
        pytest.param("/9j/../../etc", "it is no base64", id="a path"),
    ],
)
def test_no_base64(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        picture_bytes(text, "images.1")


def request(kind: str | None, body: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [] if kind is None else [(b"content-type", kind.encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/predict", "headers": headers, "query_string": b"",
        "client": ("1.2.3.4", 5),
    }  # fmt: skip
    return Request(scope, receive)


def read(
    kind: str | None, body: bytes, how: Callable[..., Any] = read_one
) -> Upload[PredictParameters]:
    upload: Upload[PredictParameters] = asyncio.run(how(request(kind, body), SERVICE, ASKED))
    return upload


def form(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(
        b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data)
        for head, data in parts
    ) + b"--b--\r\n"  # fmt: skip


FORM = "multipart/form-data; boundary=b"
FILE = ('name="file"; filename="a.jpg"', JPEG)
IN_JSON = b'{"image": "%s", "conf": 0.25}' % BASE64.encode()


@pytest.mark.parametrize(
    ("kind", "body", "conf"),
    [
        pytest.param("image/jpeg", JPEG, 0.5, id="as a picture"),
        pytest.param("IMAGE/PNG; x=1", JPEG, 0.5, id="another type of picture"),
        pytest.param(None, JPEG, 0.5, id="without a type"),
        pytest.param("application/octet-stream", JPEG, 0.5, id="as bytes"),
        pytest.param("application/x-www-form-urlencoded", JPEG, 0.5, id="curl --data-binary"),
        pytest.param("text/plain", JPEG, 0.5, id="as text"),
        pytest.param("application/json", IN_JSON, 0.25, id="JSON"),
        pytest.param("application/problem+json", IN_JSON, 0.25, id="a kind of JSON"),
        pytest.param("text/plain", b"\xef\xbb\xbf \n" + IN_JSON, 0.25, id="JSON as text"),
        pytest.param(None, IN_JSON, 0.25, id="JSON without a type"),
        pytest.param(FORM, form(FILE), 0.5, id="a form"),
        pytest.param(FORM, form(('name="conf"', b"0.25"), FILE), 0.25, id="a form with a field"),
        pytest.param(FORM, form(('name="_charset_"', b"utf-8"), FILE), 0.5, id="as browsers do"),
    ],
)
def test_one_picture(kind: str | None, body: bytes, conf: float) -> None:
    upload = read(kind, body)
    assert list(upload.pictures) == [JPEG]
    assert upload.parameters == PredictParameters(conf=conf)


@pytest.mark.parametrize(
    ("kind", "body", "error", "said"),
    [
        pytest.param("image/jpeg", b"", InvalidRequest, "the body is empty", id="nothing"),
        pytest.param("text/html", JPEG, UnsupportedMedia, "text/html is not accepted", id="a page"),
        pytest.param(
            "application/x-www-form-urlencoded", JPEG.translate(None, b"\0\r\n"), UnsupportedMedia,
            "--data-binary @picture.jpg", id="curl -d",
        ),
        pytest.param("application/json", b"{", Malformed, "no JSON", id="half of JSON"),
        pytest.param(
            "application/json", b'{"conf": 0.1, "conf": 0.2, "image": "YQ=="}', Malformed,
            "'conf' is given twice", id="twice in JSON",
        ),
        pytest.param("application/json", b'{"image": "*"}', InvalidRequest, "image: it is no base64", id="text"),
        pytest.param(FORM, form(FILE, FILE), InvalidRequest, "one picture .* /predict/batch", id="two files"),
        pytest.param(
            FORM, form(('name="file"', b"abc")), InvalidRequest, "no file.*'file' came without", id="no filename"
        ),
        pytest.param(
            FORM, form(('name="conf"', b"1"), ('name="conf"', b"0"), FILE), InvalidRequest,
            "'conf' is given twice", id="twice in a form",
        ),
        pytest.param(
            FORM, form(('name="cnof"', b"1"), FILE), InvalidRequest, "cnof: .*did you mean conf", id="a typo"
        ),
    ],
)  # fmt: skip
def test_what_is_refused(kind: str, body: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read(kind, body)


def test_several_pictures() -> None:
    assert len(read(FORM, form(FILE, FILE), read_many).pictures) == 2
    classes = form(('name="classes"', b"car, bus"), ('name="classes"', b"van"), FILE)
    assert read(FORM, classes, read_many).parameters.classes == ["car", "bus", "van"]
    images = b'{"images": [%s]}'
    three = b", ".join([b'"%s"' % BASE64.encode()] * 3)
    assert list(read("application/json", images % three, read_many).pictures) == [JPEG] * 3
    with pytest.raises(TooLarge, match="3 pictures at most"):
        read("application/json", images % (three + b', "YQ=="'), read_many)
    with pytest.raises(UnsupportedMedia, match=r"image/\*"):
        read("image/jpeg", JPEG, read_many)


@pytest.mark.parametrize(
    ("data", "pixels", "error", "said"),
    [
        pytest.param(b"hello", 99, UnsupportedMedia, "cat.jpg is no JPEG, PNG", id="no picture"),
        pytest.param(JPEG, 71, TooLarge, "cat.jpg has 9 x 8 pixels, more than the 71", id="too large"),
        pytest.param(JPEG[:-2], 99, DecodeError, "cat.jpg .*breaks off", id="cut off"),
    ],
)  # fmt: skip
def test_frames(data: bytes, pixels: int, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        _ = frame_of(data, LimitOptions(pixels=pixels), "cat.jpg").image
    frame = frame_of(JPEG, LimitOptions(pixels=72))
    assert (frame.width, frame.height, frame.image.shape) == (9, 8, (8, 9, 3))

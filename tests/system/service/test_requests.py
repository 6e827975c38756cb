"""The HTTP service as its clients see it: real servers, real requests."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.errors import InferenceError

JSON = {"Content-Type": "application/json"}
JPEG = {"Content-Type": "image/jpeg"}
URL_ENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
# OBJECT of the tiny model, 64 x 64, in a picture of 128 x 96: scaled by a half, 8 pixels lower.
BOX = [16.0, 16.0, 64.0, 80.0]


def post(client: httpx.Client, form: str, jpeg: bytes, **fields: Any) -> httpx.Response:
    """The same request in each of the forms that are taken."""
    if form == "raw":
        return client.post("/detect", content=jpeg, headers=JPEG, params=fields)
    if form == "no type":
        return client.post("/detect", content=jpeg, params=fields)
    if form == "form":
        return client.post("/detect", files={"file": ("a.jpg", jpeg)}, data=fields)
    text = base64.b64encode(jpeg).decode()
    if form == "data URL":
        text = f"data:image/jpeg;base64,{text}"
    return client.post("/predict", json={"image": text, **fields})


FORMS = ["raw", "no type", "form", "json", "data URL"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_request_gives_the_same_answer(serve: Any, jpeg: bytes, form: str) -> None:
    with serve().client() as client:
        answer = post(client, form, jpeg)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["model"], told["width"], told["height"]) == ("tiny", 128, 96)
        assert told["objects"] == [{"box": BOX, "score": 0.9, "class_id": 1, "class": "car"}]
        assert 0 <= told["timing"]["queue_ms"] <= told["timing"]["total_ms"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        pytest.param({"conf": 0.95}, 0, id="conf above the score"),
        pytest.param({"classes": "person"}, 0, id="another class"),
        pytest.param({"classes": "person, car", "iou": 0.3, "model": "tiny"}, 1, id="all of them"),
        pytest.param({"priority": "urgent", "timeout_ms": 9000}, 1, id="how it is run"),
    ],
)
def test_wishes(serve: Any, jpeg: bytes, form: str, fields: dict[str, Any], count: int) -> None:
    with serve().client() as client:
        answer = post(client, form, jpeg, **fields)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["objects"]) == count


def test_the_body_wins_over_the_address(serve: Any, jpeg: bytes) -> None:
    text = base64.b64encode(jpeg).decode()
    with serve().client() as client:
        answer = client.post("/detect?conf=0.95", json={"image": text, "conf": 0.1})
        assert len(answer.json()["objects"]) == 1


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_annotated_picture(serve: Any, jpeg: bytes, form: str) -> None:
    with serve().client() as client:
        answer = client.post("/detect", content=jpeg, params={"format": form})
        assert answer.headers["content-type"] == f"image/{form}"
        picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (96, 128, 3)
        plain = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        edge = np.abs(picture.astype(int) - plain)[16:80, 16]
        assert edge.mean() > 30  # the box was drawn


def test_a_batch_answers_each_picture_for_itself(serve: Any, jpeg: bytes) -> None:
    good, text = ("a.jpg", jpeg), ("b.jpg", b"no picture")
    with serve().client() as client:
        answer = client.post("/predict/batch", files=[("files", f) for f in (good, text, good)])
        assert answer.status_code == 200
        first, second, third = answer.json()["results"]
        assert first["objects"][0]["box"] == third["objects"][0]["box"] == BOX
        assert second["error"]["code"] == "UnsupportedMedia"
        assert "picture 1" in second["error"]["message"]
        images = [base64.b64encode(jpeg).decode()] * 2
        answer = client.post("/predict/batch", json={"images": images, "conf": 0.95})
        assert [one["objects"] for one in answer.json()["results"]] == [[], []]


def test_a_batch_may_be_larger_than_the_queue_takes(serve: Any, jpeg: bytes) -> None:
    from sightline.config import SchedulerOptions

    service = serve(scheduler=SchedulerOptions(queue=4, batch_ms=1e4), limits={"parts": 64})
    with service.client() as client:
        answer = client.post("/predict/batch", files=[("f", ("a.jpg", jpeg))] * 40)
        assert all("objects" in one for one in answer.json()["results"]), answer.text
        assert len(answer.json()["results"]) == 40


def test_curl_d_of_a_picture_is_told_how_to_send_it(serve: Any, jpeg: bytes) -> None:
    mangled = jpeg.translate(None, b"\r\n\0")  # as curl -d @picture.jpg sends it
    with serve().client() as client:
        answer = client.post("/detect", content=mangled, headers=URL_ENCODED)
        assert answer.status_code == 415, answer.text
        assert "--data-binary @picture.jpg" in answer.text
        answer = client.post("/detect", content=jpeg, headers=URL_ENCODED)
        assert answer.status_code == 200, answer.text  # --data-binary, without a type


def test_a_get_of_detect_is_told_what_to_send(serve: Any) -> None:
    with serve().client() as client:
        answer = client.get("/detect")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        told = answer.json()["error"]["message"]
        assert f"send POST, for example curl --data-binary @picture.jpg {client.base_url}" in told


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        pytest.param("/detect?conf=7", b"x", JPEG, 422, "conf", id="a value out of range"),
        pytest.param("/detect?conf=nan", b"x", JPEG, 422, "conf", id="not a number"),
        pytest.param("/detect?cofn=0.5", b"x", JPEG, 422, "cofn", id="a name that is none"),
        pytest.param("/detect?priority=high", b"x", JPEG, 422, "urgent", id="no such priority"),
        pytest.param("/detect?model=../../x", b"x", JPEG, 422, "model", id="no model's name"),
        pytest.param("/detect?conf=0.1&conf=0.9", b"x", JPEG, 422, "conf is given twice", id="twice"),
        pytest.param("/detect?model=other", b"x", JPEG, 404, "tiny", id="no such model"),
        pytest.param("/detect?classes=cra", None, JPEG, 422, "'car'", id="no such class"),
        pytest.param("/detect", b"", JPEG, 422, "empty", id="nothing"),
        pytest.param("/detect", b"%PDF-1.4", JPEG, 415, "no JPEG", id="not a picture"),
        pytest.param("/detect", b"x", {"Content-Type": "text/csv"}, 415, "text/csv", id="type"),
        pytest.param("/detect", b"x", {"Content-Type": "application/json"}, 400, "JSON", id="json"),
        pytest.param("/detect", b"{}", {"Content-Type": "application/json"}, 422, "image", id="{}"),
        pytest.param(
            "/detect", b'{"image":"#"}', {"Content-Type": "application/json"}, 422, "base64",
            id="base64",
        ),
        pytest.param(
            "/detect", b'{"image":"","confidence":0.5}', JSON, 422, "did you mean conf?",
            id="a word of another program",
        ),
        pytest.param(
            "/detect", b'{"url":"http://10.0.0.1/"}', {"Content-Type": "application/json"}, 403,
            "fetches nothing", id="url",
        ),
        pytest.param(
            "/detect", b"x", {**JPEG, "Content-Encoding": "br"}, 415, "gzip or deflate", id="packed"
        ),
        pytest.param("/detect?cofn=0.5", b"x", JPEG, 422, "did you mean conf", id="nearest"),
        pytest.param("/detect?conf=true", b"x", JPEG, 422, "must be a number", id="no number"),
        pytest.param("/detect", b'{"image":"a","conf":true}', JSON, 422, "conf: it must be a number",
                     id="true is no number"),
        pytest.param("/detect", b'{"image":"a","conf":"0.5"}', JSON, 422, "conf: it must be a number",
                     id="text is no number"),
        pytest.param("/detect", b'{"image":"a","timeout_ms":"9"}', JSON, 422, "timeout_ms",
                     id="text is no time"),
        pytest.param("/detect", b'{"image":5}', JSON, 422, "image: it must be text", id="no text"),
        pytest.param("/detect", b'{"image":"a","cofn":1}', JSON, 422, "did you mean conf", id="json"),
        pytest.param("/detect", b'{"image":"a","conf":0.1,"conf":0.9}', JSON, 400, "'conf' is given",
                     id="a key twice"),
        pytest.param("/detect", b'{"image":"a","\\u0063onf":0.1,"conf":0.9}', JSON, 400, "'conf'",
                     id="a key twice, written differently"),
        pytest.param("/detect", b'{"image":"a","conf":NaN}', JSON, 422, "finite", id="NaN"),
        pytest.param("/detect", b"[]", JSON, 422, "must be an object", id="a list"),
        pytest.param("/detect", b'{"image":"a","image":"b"}', JSON, 400, "twice", id="two pictures"),
        pytest.param("/detect", b"conf=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
                     "send image", id="a form of another kind"),
        pytest.param("/models/tiny?nmae=1", b"x", JPEG, 405, "", id="another method first"),
        pytest.param("/models/tiny/engine", b'{"use":null,"use":"x"}', JSON, 400, "twice", id="engine"),
        pytest.param("/models/tiny/engine", b'{"us":"x"}', JSON, 422, "did you mean use", id="us"),
        pytest.param("/models/tiny/reload?froce=1", b"", JPEG, 422, "no such parameter", id="reload"),
        pytest.param("/streams", b'{"name":"a","source":"x","weight":true}', JSON, 422,
                     "weight: it must be a number", id="a stream"),
        pytest.param("/streams", b'{"name":"a","source":"x","adaptive":{"max_fsp":1}}', JSON, 422,
                     "adaptive.max_fsp: there is no such field; did you mean max_fps", id="deeper"),
        pytest.param("/streams", b'{"name":"a","source":"x","loop":"yes"}', JSON, 422,
                     "loop: it must be true or false", id="no truth"),
        pytest.param("/streams", b"[", JSON, 400, "no JSON", id="no JSON of a stream"),
        pytest.param("/streams", b"", JSON, 400, "no JSON", id="nothing for a stream"),
        pytest.param("/streams", b'{"source":"x"}', JSON, 422, "name: it is missing", id="missing"),
        pytest.param("/streams", b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
                     "send application/json", id="as curl -d sends it"),
        pytest.param("/nothing", b"x", JPEG, 404, "there is no route '/nothing'", id="no such route"),
        pytest.param("/nothing", b"x", JPEG, 404, "no route '/nothing': GET / lists", id="which route"),
        pytest.param("/health", b"x", JPEG, 405, "POST is not answered here: send ", id="method"),
        pytest.param("/detect?format=jpg", b"x", JPEG, 422, "did you mean jpeg?", id="jpg"),
        pytest.param("/detect?priority=Urgnt", b"x", JPEG, 422, "did you mean urgent?", id="urgent"),
        pytest.param("/detect", b'{"image":"a","format":"jpg"}', JSON, 422, "did you mean jpeg?",
                     id="jpg in JSON"),
        pytest.param("/detect", b"\xff\xd8\xff\xe0 a damaged picture", URL_ENCODED, 415,
                     "--data-binary @picture.jpg", id="curl -d"),
        pytest.param("/models/tiny%2F..%2Fx/reload", b"", JPEG, 404, "there is no route", id="path"),
        pytest.param("/models/%2e%2e/reload", b"", JPEG, 422, "name", id="dots"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    serve: Any, jpeg: bytes, path: str, body: bytes | None, headers: dict[str, str], status: int,
    said: str,
) -> None:  # fmt: skip
    content = jpeg if body is None or (body == b"x" and "?model" in path) else body
    with serve().client() as client:
        answer = client.post(path, content=content, headers=headers)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert said in error["message"]
        assert HTTPStatus(status).phrase not in error["message"]  # the code says it
        assert error["id"] == answer.headers["x-request-id"]
        assert error["code"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/detect?classes=car&classes=person", JPEG, id="classes one by one"),
        pytest.param("/detect", {**JPEG, "Content-Encoding": "Identity"}, id="an encoding in capitals"),
    ],
)  # fmt: skip
def test_what_is_right_too(serve: Any, jpeg: bytes, path: str, headers: dict[str, str]) -> None:
    with serve().client() as client:
        answer = client.post(path, content=jpeg, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("form", "status"), [pytest.param("jpeg", 422, id="JPEG"), pytest.param("png", 200, id="PNG")]
)
def test_a_picture_that_is_too_long_for_a_jpeg(serve: Any, form: str, status: int) -> None:
    long = bytes(cv2.imencode(".png", np.zeros((20, 70_000, 3), np.uint8))[1])
    with serve().client() as client:
        answer = client.post("/detect", content=long, params={"format": form})
        assert answer.status_code == status
        assert status == 200 or "ask for png" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_who_wants_no_body_gets_the_same_status(serve: Any, path: str) -> None:
    with serve().client() as client:
        answer, whole = client.head(path), client.get(path)
        assert (answer.status_code, answer.content) == (whole.status_code, b"")
        assert answer.headers["content-length"] == str(len(whole.content))


def test_every_answer_has_an_id_and_safe_headers(serve: Any, jpeg: bytes) -> None:
    with serve().client() as client:
        for answer in (client.get("/health"), client.get("/nothing"), client.post("/detect")):
            assert len(answer.headers["x-request-id"]) == 16
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "access-control-allow-origin" not in answer.headers
            assert "server" not in answer.headers
        own = client.get("/health", headers={"X-Request-ID": "order-7.a"})
        assert own.headers["x-request-id"] == "order-7.a"
        bad = client.get("/health", headers={"X-Request-ID": 'x" onload="'})
        assert bad.headers["x-request-id"] != 'x" onload="'


def test_a_fault_of_ours_is_told_by_its_id_only(
    serve: Any, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve()
    service.engine.fault = InferenceError("cannot read /secret/place/model.bin")
    with service.client() as client, caplog.at_level(logging.ERROR):
        answer = client.post("/detect", content=jpeg, headers=JPEG)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.json()["error"]["code"] == "InternalError"
        assert answer.json()["error"]["id"] in caplog.text
        assert "/secret/place" in caplog.text
        service.engine.fault = None
        assert client.post("/detect", content=jpeg, headers=JPEG).status_code == 200


def test_probes_do_not_fill_the_log(
    serve: Any, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve()
    with service.client() as client, caplog.at_level(logging.INFO, "sightline.serving"):
        for path in ("/health", "/ready"):
            assert client.get(path).status_code == 200
        client.post("/detect", content=jpeg, headers=JPEG)
        # The line is written after the answer was sent.
        wait_for(lambda: "POST /detect 200" in caplog.text)
    assert "/health" not in caplog.text
    assert "/ready" not in caplog.text


def test_state_of_the_service(serve: Any) -> None:
    service = serve()
    with service.client() as client:
        assert client.get("/health").json() == {"status": "alive"}
        assert client.get("/ready").status_code == 200
        assert client.get("/metrics").status_code == 404
        models = client.get("/models").json()
        assert models["default"] == "tiny"
        assert models["models"][0]["classes"] == ["person", "car"]
        assert models["models"][0]["state"] == "ready"
        assert str(service.model) not in client.get("/models").text
        status = client.get("/status").json()
        assert status["models"] == {"tiny": "ready"}
        assert status["scheduler"]["models"]["tiny"]["in_flight"] == 0
        client.post("/models/tiny/unload")
        assert client.get("/ready").status_code == 503
        assert client.post("/detect", content=b"x", headers=JPEG).status_code == 404
        assert client.post("/models/tiny/load").json()["state"] == "ready"
        assert client.get("/ready").status_code == 200


def test_openapi_describes_every_route(serve: Any) -> None:
    with serve().client() as client:
        described = client.get("/openapi.json").json()
        paths = described["paths"]
        assert {"/detect", "/predict/batch", "/streams/{name}/mjpeg", "/events"} <= paths.keys()
        body = paths["/detect"]["post"]["requestBody"]["content"]
        assert {"image/jpeg", "multipart/form-data", "application/json"} <= body.keys()
        example = body["application/json"]["example"]
        assert client.post("/detect", json={**example, "classes": None}).status_code == 200
        names = {one["name"] for one in paths["/detect"]["post"]["parameters"]}
        assert {"conf", "iou", "classes", "model", "priority", "timeout_ms", "format"} == names


def test_a_reload_fails_no_request(serve: Any, jpeg: bytes) -> None:
    service = serve()
    stop = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        with service.client() as client:
            while not stop.is_set():
                answers.append(client.post("/detect", content=jpeg, headers=JPEG).status_code)

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        with service.client() as client:
            for _ in range(5):
                assert client.post("/models/tiny/reload").json()["state"] == "ready"
        stop.set()
        for one in asking:
            one.result()
    assert len(service.engines) == 6
    assert set(answers) == {200}
    assert len(answers) > 10


@pytest.mark.parametrize("fault", ["truncated", "missing", "other classes"])
def test_a_bad_reload_is_refused_and_the_old_model_goes_on(
    serve: Any, jpeg: bytes, constant_model: Callable[..., Any], fault: str
) -> None:
    service = serve()
    if fault == "truncated":
        service.model.write_bytes(service.model.read_bytes()[:200])
    elif fault == "missing":
        service.model.unlink()
    else:
        other = constant_model(
            [np.zeros((1, 25, 6))], batch="batch", name="other", metadata={"names": "['a', 'b']"}
        )
        other.rename(service.model)
    with service.client() as client:
        answer = client.post("/models/tiny/reload")
        assert answer.status_code == 409
        assert str(service.model.parent) not in answer.text
        assert client.get("/ready").status_code == 200
        told = client.post("/detect", content=jpeg, headers=JPEG).json()
        assert told["objects"][0]["class"] == "car"
        assert "failed" in client.get("/models/tiny").json()["error"]
        assert str(service.model.parent) not in client.get("/models/tiny").text


def test_logs_carry_the_requests_id(
    serve: Any, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    from sightline.monitoring.context import bound_ids

    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(f"{bound_ids().get('request')} {record.getMessage()}")

    logger, handler = logging.getLogger("sightline.serving.http.envelope"), Keep()
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "sightline.serving"), serve().client() as client:
            client.post("/detect", content=jpeg, headers={**JPEG, "X-Request-ID": "mine"})
    finally:
        logger.removeHandler(handler)
    assert any(line.startswith("mine POST /detect 200 in ") for line in seen)


def test_json_of_an_answer_is_as_described(serve: Any, jpeg: bytes) -> None:
    from sightline.serving.http.schemas import Failed, PictureAnswer

    with serve().client() as client:
        PictureAnswer.model_validate(client.post("/detect", content=jpeg, headers=JPEG).json())
        Failed.model_validate(json.loads(client.post("/detect", headers=JPEG).text))

"""Streams by HTTP: added, removed, paused, watched; without a fleet that runs."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.unit.serving.in_process import Fleet, InProcess, failure

from sightline.errors import ModelError, SourceError
from sightline.runtime.streams.feed import FeedItem

CAMERA = {"name": "gate", "source": "rtsp://192.0.2.1/live"}


def service_of(*names: str, **more: Any) -> InProcess:
    return InProcess(fleet=Fleet(*names), **more)


def test_a_stream_is_added_with_its_options() -> None:
    service = service_of()
    answer = service.post("/streams", json={**CAMERA, "min_fps": 5})
    assert (answer.status_code, answer.json()) == (201, {"name": "gate"}), answer.text
    assert service.fleet is not None
    options = service.fleet.running["gate"]
    assert (options.source, options.min_fps, options.model) == (CAMERA["source"], 5, "default")
    assert not hasattr(options, "name")
    found = failure(service.post("/streams", json=CAMERA))
    assert found[:2] == (409, "Conflict")


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"name": "a/b"}, 422, "name: it must be a name"),
        ({"source": None}, 422, "source: "),
        ({"modle": "x"}, 422, "modle: there is no such field; did you mean model?"),
        ({"model": "x"}, 404, "there is no model 'x'"),
        ({"min_fps": "5"}, 422, "min_fps: it must be a number"),
        ({"live": {"hosts": ["10.0.0.0/8"]}}, 403, "serving.stream_hosts"),
        ({"drift": {"reference": "x.json"}}, 403, "drift: its reference is a file"),
        ({"collect": {"folder": "x"}}, 403, "collect: it writes to a folder"),
        ({"adaptive": {"sizes": [8000]}}, 422, "adaptive.sizes: it must be 4096 or less, not 8000"),
        ({"stages": [{"kind": "classify", "model": "/etc/passwd"}]}, 404, "there is no model '/etc/passwd'"),
        ({"source": "street.mp4"}, 403, ""),
    ],
)  # fmt: skip
def test_what_clients_may_not_add(more: dict[str, Any], status: int, message: str) -> None:
    service = service_of()
    found = failure(service.post("/streams", json=CAMERA | more))
    assert found[0] == status, found
    assert message in found[2]
    assert service.fleet is not None
    assert service.fleet.running == {}


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (SourceError("no address: rtsp://joe:geheim@h/x"), 422, "source: no address: rtsp://"),
        (ModelError("/secret/x.onnx: damaged"), 422, "stages: a model cannot be used"),
    ],
)
def test_a_stream_that_cannot_be_made(error: Exception, status: int, message: str) -> None:
    service = service_of()

    def fail(*_: object) -> None:
        raise error

    service.fleet.add = fail  # type: ignore[union-attr, method-assign]
    found = failure(service.post("/streams", json=CAMERA))
    assert found[0] == status
    assert message in found[2]
    assert not {"geheim", "secret"} & set(found[2].replace("/", " ").replace(":", " ").split())


def test_a_stream_that_would_write_what_another_uses() -> None:
    service = service_of(clash=lambda running, name, _: f"{name} beside {sorted(running)}: no")
    service.fleet.running["a"] = None  # type: ignore[union-attr]
    assert failure(service.post("/streams", json=CAMERA)) == (
        409,
        "Conflict",
        "gate beside ['a']: no",
    )


@pytest.mark.parametrize(("closed", "status"), [(True, 204), (False, 202)])
def test_removing_tells_whether_outputs_are_closed(closed: bool, status: int) -> None:
    service = service_of("gate")
    service.fleet.ends = closed  # type: ignore[union-attr]
    answer = service.ask("DELETE", "/streams/gate")
    assert answer.status_code == status
    assert (answer.content == b"") is closed
    assert failure(service.ask("DELETE", "/streams/gate"))[0] == 404


@pytest.mark.parametrize(("action", "paused"), [("pause", True), ("resume", False)])
def test_pausing(action: str, paused: bool) -> None:
    service = service_of("gate")
    answer = service.post(f"/streams/gate/{action}")
    assert answer.json() == {"name": "gate", "paused": paused}
    assert service.fleet.done == [(action, "gate")]  # type: ignore[union-attr]
    assert failure(service.post(f"/streams/gates/{action}"))[0] == 404


def test_the_newest_picture() -> None:
    answer = service_of("gate").get("/streams/gate/snapshot?annotated=false&quality=55")
    assert (answer.content, answer.headers["content-type"]) == (b"gate False 55", "image/jpeg")
    assert failure(service_of("gate").get("/streams/gate/snapshot?quality=0"))[0] == 422
    assert failure(service_of("gate").get("/streams/gate/snapshot?qualty=5"))[2].endswith(
        "did you mean quality?"
    )


@pytest.mark.parametrize("path", ["/streams/nope", "/streams/nope/stats", "/streams/nope/mjpeg", "/streams/nope/link", "/events?stream=nope", "/events/link?stream=nope"])  # fmt: skip
def test_a_stream_that_is_not_there_is_told_at_once(path: str) -> None:
    status, code, message = failure(service_of("gate").get(path))
    assert (status, code) == (404, "NotFound")
    assert "nope" in message


@pytest.mark.parametrize("path", ["/streams", "/events", "/streams/gate/mjpeg"])
def test_a_service_without_streams_says_so(path: str) -> None:
    assert failure(InProcess().get(path)) == (404, "NotFound", "this service runs no streams")


def test_signed_addresses_hold_what_was_asked_for() -> None:
    service = service_of("gate")
    url = service.get("/streams/gate/link?of=snapshot&seconds=60&quality=40").json()["url"]
    assert url.startswith("/streams/gate/snapshot?annotated=true&quality=40")
    assert service.get(url).status_code == 200
    assert service.get("/events/link?stream=gate").json()["url"].startswith("/events?stream=gate")
    assert failure(service.get("/streams/gate/link?seconds=0"))[0] == 422


def test_only_so_many_watch() -> None:
    service = service_of("gate")
    service.state.watchers = 64
    for path in ("/streams/gate/mjpeg", "/events"):
        assert failure(service.get(path)) == (503, "Overloaded", "64 clients are watching already")


class Reported(Fleet):
    """Streams that have reported something."""

    def __init__(self, *items: FeedItem) -> None:
        super().__init__("gate", "yard")
        self.items, self.subscribed = items, 0

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        self.subscribed += 1
        lines: queue.Queue[FeedItem] = queue.Queue()
        for item in self.items:
            lines.put(item)
        yield lines
        self.subscribed -= 1


@pytest.mark.parametrize(
    ("query", "lines"),
    [("", ["one", "two"]), ("?stream=yard", ["two"]), ("?stream=gate&stream=yard", ["one", "two"])],
)
def test_events_of_the_streams_that_are_named(
    query: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sightline.serving.routes import streams

    fleet = Reported(FeedItem("gate", "one\n"), FeedItem("yard", "two\n"))
    service = InProcess(fleet=fleet)
    waiting = streams._waiting

    def once(reader: Any) -> Any:
        found = waiting(reader)
        service.state.draining = not found
        return found

    monkeypatch.setattr(streams, "_waiting", once)
    answer = service.get(f"/events{query}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == ": listening\n\n" + "".join(f"data: {line}\n\n" for line in lines)
    assert (fleet.subscribed, service.state.watchers) == (0, 0)


def test_live_pictures_end_with_their_stream() -> None:
    class Ending(Fleet):
        shown = 0

        def version(self, name: str) -> int:
            self._known(name)
            self.shown += 1
            if self.shown > 3:
                self.running.clear()
            return self.shown

    service = InProcess(fleet=Ending("gate"))
    answer = service.get("/streams/gate/mjpeg?quality=9")
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    picture = b"gate True 9"
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 11\r\n\r\n" + picture + b"\r\n"
    assert answer.content == part * 2
    assert service.state.watchers == 0

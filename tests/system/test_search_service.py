"""``POST /search``: a service searches what is indexed beside it."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests import ports
from tests.waiting import wait_for
from typer.testing import CliRunner

from sightline.cli.main import app
from sightline.sources.street import StreetOptions, StreetSource

SIGHTLINE = Path(sys.executable).with_name("sightline")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service runs, with two pictures of the street."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "pictures").mkdir()
    options = StreetOptions(seed=10_502, width=640, height=360, fps=1, duration=2)
    for frame in StreetSource(options):
        cv2.imwrite(str(folder / "pictures" / f"{frame.index}.png"), frame.image)
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    """The address of a service that searches a database, which is not there yet."""
    port = ports.free_port()
    (folder / "site.yaml").write_text(
        "models:\n  street: {model: street}\n  looks: {model: street-embedder}\n"
        f"serving: {{port: {port}, grpc_port: null, search: {{database: run.db}}}}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(SIGHTLINE), "run", "site.yaml"], cwd=folder, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{address}/ready").status_code == 200
        return False

    try:
        wait_for(ready, "the service is not ready", 60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def indexed(service: str, folder: Path) -> str:
    """The same, after it was asked before anything was there, and pictures were indexed."""
    picture = (folder / "pictures" / "0.png").read_bytes()
    before = httpx.post(f"{service}/search", content=picture, timeout=30)
    assert before.status_code == 409, before.text
    assert "nothing to search yet" in before.json()["error"]["message"]
    assert str(folder) not in before.text, "where its files lie is not for clients"
    words = ["search", "index", str(folder / "pictures"), "--model", "street", "--quiet"]
    done = CliRunner().invoke(app, [*words, "--db", str(folder / "run.db")])
    assert done.exit_code == 0, done.output
    return service


def test_what_was_indexed_is_found(indexed: str, folder: Path) -> None:
    data = (folder / "pictures" / "0.png").read_bytes()
    everything = httpx.post(f"{indexed}/search?count=1000", content=data, timeout=30).json()[
        "matches"
    ]
    assert len(everything) > 5
    wanted = max((m for m in everything if m["stream"] == "0.png"), key=lambda m: m["score"])
    box = ",".join(map(str, wanted["box"]))
    raw = httpx.post(f"{indexed}/search?count=3&box={box}", content=data, timeout=30).json()
    assert raw["matches"][0]["id"] == wanted["id"]
    assert raw["matches"][0]["similarity"] > 0.98
    assert set(raw["matches"][0]) == {
        "id", "similarity", "stream", "frame", "time", "class", "score", "box",
    }  # fmt: skip
    assert set(raw["timing"]) == {"queue_ms", "total_ms"}
    form = httpx.post(
        f"{indexed}/search", files={"file": data}, data={"box": box, "count": "3"}, timeout=30
    )
    coded = {"image": base64.b64encode(data).decode(), "box": wanted["box"], "count": 3}
    in_json = httpx.post(f"{indexed}/search", json=coded, timeout=30)
    assert form.json()["matches"] == in_json.json()["matches"] == raw["matches"]
    narrowed = f"{indexed}/search?classes={wanted['class']}&streams=1.png&count=50"
    others = httpx.post(narrowed, content=data, timeout=30).json()["matches"]
    assert {(m["class"], m["stream"]) for m in others} == {(wanted["class"], "1.png")}
    picture = httpx.get(f"{indexed}/search/pictures/{wanted['id']}")
    assert picture.headers["content-type"] == "image/jpeg"
    shown = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
    assert 10 < max(shown.shape[:2]) <= 160


def test_what_is_indexed_meanwhile_is_found(indexed: str, folder: Path) -> None:
    folder.joinpath("more").mkdir()
    frame = next(iter(StreetSource(StreetOptions(seed=10_503, width=640, height=360, duration=1))))
    cv2.imwrite(str(folder / "more" / "later.png"), frame.image)
    words = ["search", "index", str(folder / "more"), "--model", "street", "--quiet"]
    assert CliRunner().invoke(app, [*words, "--db", str(folder / "run.db")]).exit_code == 0
    data = (folder / "more" / "later.png").read_bytes()
    found = httpx.post(f"{indexed}/search?count=200", content=data, timeout=30).json()["matches"]
    assert {m["stream"] for m in found} == {"0.png", "1.png", "later.png"}


REFUSED: dict[str, tuple[str, int, str]] = {
    "a box without area": ("?box=5,5,5,9", 422, "has no pixels in the picture"),
    "a box outside": ("?box=700,5,800,9", 422, "has no pixels in the picture, which has 640x360"),
    "three numbers": ("?box=5,5,9", 422, "box: it is x1,y1,x2,y2"),
    "words": ("?box=a,b,c,d", 422, "box"),
    "nothing": ("?count=0", 422, "count"),
    "too many": ("?count=100000", 422, "count"),
    "a moment": ("?after=noon", 422, "after"),
    "another's field": ("?conf=0.5", 422, "no such"),
    "too late": ("?timeout_ms=0.001", 504, "deadline|in time"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(indexed: str, folder: Path, case: Any) -> None:
    query, status, message = case
    data = (folder / "pictures" / "0.png").read_bytes()
    answer = httpx.post(f"{indexed}/search{query}", content=data, timeout=30)
    assert answer.status_code == status, answer.text
    assert re.search(message, answer.json()["error"]["message"])


def test_what_is_not_there(indexed: str) -> None:
    for path in ("/search?stream=gate&track_id=1", "/search/pictures/999999"):
        assert httpx.get(f"{indexed}{path}").status_code == 404
    assert httpx.post(f"{indexed}/search", content=b"no picture").status_code == 415


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (
            {"kind": "detect", "model": "street", "size": 32 * 10**7},
            r"stages\.0\.detect\.size: a side has 8192 pixels at most",
        ),
        ({"kind": "classify", "model": "street"}, "stages: a model cannot be used"),
    ],
    ids=["an endless input", "another model's task"],
)
def test_stages_that_clients_may_not_add(service: str, stage: dict[str, Any], said: str) -> None:
    body = {"name": "gate", "source": "street://?duration=1", "stages": [stage]}
    answer = httpx.post(f"{service}/streams", json=body, timeout=30)
    assert answer.status_code == 422, answer.text
    assert re.search(said, answer.json()["error"]["message"])


def test_a_client_says_where_objects_are_looked_at(service: str) -> None:
    stage = {"kind": "detect", "model": "street", "only_in": [[0, 0.5], [1, 0.5], [1, 1]]}
    body = {"name": "low", "source": "street://?duration=1", "stages": [stage]}
    answer = httpx.post(f"{service}/streams", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    assert httpx.delete(f"{service}/streams/low", timeout=30).status_code == 204
    body["stages"] = [{**stage, "only_in": [[0, 0.5], [1, 0.5]]}]
    answer = httpx.post(f"{service}/streams", json=body, timeout=30)
    assert "only_in: it must have at least 3 items" in answer.text

"""A model with two engines: which one works is shown, and chosen by hand, while it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from sightline.build.application import Application
from sightline.config import Configuration, ServingOptions
from sightline.serving.http.app import create_app

FIRST, SECOND = "1: cpu", "2: auto"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    configuration = Configuration.model_validate(
        {
            "models": {
                "street": {
                    "model": "street",
                    "engine": {"device": "cpu", "requests": 1},
                    "fallback": [{"requests": 1}],
                },
                "alone": {"model": "street", "engine": {"requests": 1}},
            }
        }
    )
    site = Application(configuration)
    site.open()
    app = create_app(site.repository, site.scheduler, None, ServingOptions())
    with TestClient(app, base_url="http://127.0.0.1") as made:
        yield made
    site.close()


def engines(client: TestClient) -> dict[str, object]:
    told: dict[str, object] = client.get("/models/street").json()["engines"]
    return told


def test_the_first_engine_works_until_another_is_chosen(client: TestClient, data: Path) -> None:
    picture = (data / "images" / "bus.jpg").read_bytes()

    def answers() -> bool:
        headers = {"Content-Type": "image/jpeg"}
        return client.post("/detect", content=picture, headers=headers).status_code == 200

    assert engines(client)["active"] == FIRST
    assert answers()
    chosen = client.post("/models/street/engine", json={"use": SECOND})
    assert chosen.status_code == 200
    assert (engines(client)["active"], engines(client)["pinned"]) == (SECOND, SECOND)
    assert answers()
    assert client.post("/models/street/engine", json={"use": None}).status_code == 200
    assert (engines(client)["active"], engines(client)["pinned"]) == (FIRST, None)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/models/street/engine", {"use": "3: gpu"}, 422, id="no such engine"),
        pytest.param("/models/street/engine", {"wanted": 1}, 422, id="unknown key"),
        pytest.param("/models/alone/engine", {"use": FIRST}, 409, id="one engine only"),
        pytest.param("/models/nobody/engine", {"use": FIRST}, 404, id="no such model"),
    ],
)
def test_what_cannot_be_chosen(
    client: TestClient, path: str, body: dict[str, object], status: int
) -> None:
    assert client.post(path, json=body).status_code == status

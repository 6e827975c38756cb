"""Vectors of objects, and what was found by them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sightline.types import EmbedderInfo, Match

MATCH = Match(
    7, 0.98765432, "gate", 3, "car", 0.912345, (1.006, 2, 30.123456, 40), 12, 0.4804,
    picture=b"jpeg",
)  # fmt: skip
ALWAYS = {
    "id": 7,
    "similarity": 0.9877,
    "stream": "gate",
    "frame": 12,
    "time": 0.48,
    "class": "car",
    "score": 0.9123,
    "box": [1.01, 2, 30.12, 40],
}


@pytest.mark.parametrize(
    ("known", "more"),
    [
        ({}, {"track_id": 3}),
        ({"track_id": None}, {}),
        ({"track_id": 0}, {"track_id": 0}),
        ({"utc": 0.5}, {"track_id": 3, "utc": "1970-01-01T00:00:00.500Z"}),
        ({"path": "/a/b.jpg"}, {"track_id": 3, "path": "/a/b.jpg"}),
    ],
    ids=["a track", "no track", "track 0", "a clock", "a file"],
)
def test_json_has_what_is_known(known: dict[str, object], more: dict[str, object]) -> None:
    found = replace(MATCH, **known)  # type: ignore[arg-type]
    assert found.to_dict() == ALWAYS | more
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_pictures_are_not_shown() -> None:
    assert "jpeg" not in repr(MATCH)


def test_an_embedder_is_told_by_its_digest() -> None:
    info = EmbedderInfo("street-embedder", "4f0a1b" * 10, 128)
    assert str(info) == "street-embedder (128 values, SHA-256 4f0a1b4f0a1b…)"

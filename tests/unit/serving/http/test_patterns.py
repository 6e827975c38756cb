"""The route that a path is for."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sightline.serving.http.patterns import NONE, Patterns


async def answer(request: Request) -> Response:
    return Response()


PATTERNS = Patterns(
    [
        Route("/detect", answer, methods=["POST"]),
        Route("/models/{name}", answer),
        Route("/models/{name}", answer, methods=["DELETE"]),
        Route("/models/{name}/rollout", answer),
        Route("/{rest:path}/end", answer),
        Mount("/web", routes=[Route("/page.js", answer)]),
    ]
)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/detect", "/detect"),
        ("/models/street", "/models/{name}"),
        ("/models/detect", "/models/{name}"),
        ("/models/street/rollout", "/models/{name}/rollout"),
        ("/a/b/end", "/{rest:path}/end"),
        ("/models/", NONE),
        ("/detect/", NONE),
        ("/web/page.js", NONE),
        ("/models/a/b", NONE),
        ("", NONE),
    ],
)
def test_the_first_pattern_that_fits(path: str, pattern: str) -> None:
    assert PATTERNS.of(path) == pattern

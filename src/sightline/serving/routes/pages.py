"""What a browser is shown at ``/`` and ``/docs``: files, which hold nothing of the service itself.

What they show they ask the service for, with the token that the user has typed in.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sightline.errors import NotFound

router = APIRouter(include_in_schema=False)

_OWN = Path(__file__).resolve().parent.parent / "web"
_SWAGGER_UI = "fastapi_offline"  # the package whose files these are; it is not imported

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_OF_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")
FILES = ("icon.svg", "style.css", "session.js", "index.js", "docs.js", *_OF_SWAGGER_UI)
"""What there is under ``/web/``."""

LINKS = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "health": "/health",
    "ready": "/ready",
    "status": "/status",
    "metrics": "/metrics",
    "models": "/models",
    "streams": "/streams",
    "events": "/events",
    "detect": "/detect",
    "classify": "/classify",
    "search": "/search",
    "report": "/report",
}
"""What a program is told at ``/``."""


@router.head("/")
@router.get("/")
async def index(request: Request) -> Response:
    """A page for a browser; for a program, where everything is."""
    vary = {"Vary": "Accept"}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"service": "sightline", "links": LINKS}, headers=vary)
    return _page("index.html", vary)


@router.head("/docs")
@router.get("/docs")
async def docs() -> Response:
    """Swagger UI. Raises NotFound: the package with its files is not installed."""
    _swagger_ui()
    return _page("docs.html", {})


def _serve(name: str) -> None:
    async def file() -> Response:
        folder = _swagger_ui() if name in _OF_SWAGGER_UI else _OWN
        # Under no versioned name, so a browser asks again after a while.
        return _file(folder / name, {"Cache-Control": "public, max-age=3600"})

    router.add_api_route(f"/web/{name}", file, methods=["GET", "HEAD"], name=name)


for _name in FILES:
    _serve(_name)


def _page(name: str, headers: dict[str, str]) -> Response:
    return _file(_OWN / name, {"Content-Security-Policy": _CSP, **headers})


def _file(path: Path, headers: dict[str, str]) -> Response:
    return Response(_read(path), media_type=_TYPES[path.suffix], headers=headers)


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def _swagger_ui() -> Path:
    found = importlib.util.find_spec(_SWAGGER_UI)
    if found is None or not found.submodule_search_locations:
        raise NotFound("Swagger UI is not installed: pip install fastapi-offline")
    return Path(found.submodule_search_locations[0]) / "static"

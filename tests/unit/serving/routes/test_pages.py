"""Pages for a browser: files that hold nothing of the service, and that nothing else may frame or script."""

from __future__ import annotations

import re

import pytest
from tests.unit.serving.in_process import InProcess, failure

from sightline.serving.routes import pages

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_a_browser_gets_a_page_and_a_program_gets_addresses() -> None:
    service = InProcess()
    page, links = service.get("/", headers=BROWSER), service.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == links.headers["vary"] == "Accept"
    assert links.json() == {"service": "sightline", "links": pages.LINKS}


def test_every_address_that_is_listed_is_one() -> None:
    paths = InProcess().get("/openapi.json").json()["paths"]
    others = {"documentation", "openapi"}
    assert {path for name, path in pages.LINKS.items() if name not in others} <= set(paths)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_run_no_scripts_but_their_own(path: str) -> None:
    page = InProcess().get(path, headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|https?://", page.text)
    named = set(re.findall(r'(?:src|href)="/web/([^"]+)"', page.text))
    assert named
    assert named <= set(pages.FILES)


@pytest.mark.parametrize("name", pages.FILES)
def test_files(name: str) -> None:
    service = InProcess()
    answer = service.get(f"/web/{name}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=3600"
    kind = {
        "svg": "image/svg+xml",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
    }
    assert answer.headers["content-type"] == kind[name.rpartition(".")[2]]
    assert service.ask("HEAD", f"/web/{name}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/web/", "/web/../app.py", "/web/index.html", "/web/%2e%2e/state.py"]
)
def test_no_other_files_are_served(path: str) -> None:
    assert InProcess().get(path).status_code == 404


def test_documentation_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.importlib.util, "find_spec", lambda _: None)
    assert failure(InProcess().get("/docs"))[2] == (
        "Swagger UI is not installed: pip install fastapi-offline"
    )

"""What a browser is shown: pages, Swagger UI and live pictures, in a real Chromium."""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.waiting import wait_for

from sightline.serving.http.signatures import Signer

STREET = "street://?width=128&height=96&fps=20&duration=0&live=true"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SIZE = "document.querySelector('img')?.naturalWidth || 0"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page; ``asked`` has the addresses that it loads, ``told`` what the browser complains of."""
    context = browser.new_context()
    made = context.new_page()
    made.set_default_timeout(30_000)
    made.asked, made.told = [], []
    made.on("request", lambda request: made.asked.append(request.url))
    made.on("console", lambda line: made.told.append(line.text) if line.type == "error" else None)
    made.on("pageerror", lambda error: made.told.append(str(error)))
    yield made
    context.close()


@pytest.fixture
def site() -> Iterator[Callable[[str], tuple[str, Callable[[str], None]]]]:
    """Starts another web site; gives its origin, and what sets its page."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(referrer_policy: str) -> tuple[str, Callable[[str], None]]:
        shown: list[str] = [""]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Referrer-Policy", referrer_policy)
                self.end_headers()
                self.wfile.write(shown[-1].encode())

            def log_message(self, *_: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}", shown.append

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def shows(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting needs ``eval``, which these pages forbid."""
    wait_for(lambda: page.evaluate(condition))


def add_stream(client: Any) -> None:
    assert client.post("/streams", json={"name": "gate", "source": STREET}).status_code == 201
    wait_for(lambda: client.get("/streams/gate/snapshot").status_code == 200)


def test_the_first_page_is_for_browsers_and_for_programs(serve: Any) -> None:
    with serve(token="secret").client() as client:
        answer = client.get("/")
        assert answer.json()["links"]["documentation"] == "/docs"
        assert answer.headers["vary"] == "Accept"
        page = client.get("/", headers=BROWSER)
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        for path in answer.json()["links"].values():
            if path not in {"/", "/docs", "/health", "/ready", "/detect"}:
                assert client.get(path).status_code == 401, path
        assert client.get("/web/none.js").status_code == 404
        assert client.get("/web/../app.py").status_code in {401, 404}
        assert client.get("/web/%2e%2e/app.py").status_code in {401, 404}
        assert client.head("/").status_code == 200


def test_the_first_page_shows_live_pictures(serve: Any, page: Any) -> None:
    service = serve(token="secret")
    with service.client("secret") as client:
        add_stream(client)
    page.goto(f"{service.url}/")
    page.fill("#token", "wrong")
    page.click("#login button")
    shows(page, "document.getElementById('refused').textContent != ''")
    page.fill("#token", "secret")
    page.click("#login button")
    shows(page, f"({SIZE}) == 128")
    assert "gate" in page.inner_text("#streams")
    shows(page, "document.getElementById('streams').innerText.includes('running')")
    assert "tiny: ready" in page.inner_text("#models")
    assert page.is_hidden("#login")
    assert "secret" not in "".join(page.asked)
    assert all(url.startswith(service.url) for url in page.asked)
    assert [line for line in page.told if "401" not in line] == []


def test_the_documentation_needs_no_network(serve: Any, page: Any) -> None:
    service = serve(token="secret")
    page.goto(f"{service.url}/docs")
    page.fill("#token", "secret")
    page.click("#login button")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() >= 15
    assert all(url.startswith((service.url, "data:")) for url in page.asked)
    # Try it out: the token goes with the request.
    page.click("#operations-models-models_models_get button.opblock-summary-control")
    page.click("button.try-out__btn")
    page.click("button.execute")
    shows(page, "document.querySelector('.live-responses-table')?.innerText.includes('tiny')")
    assert [line for line in page.told if "401" not in line] == []


def test_without_a_token_there_is_no_question(serve: Any, page: Any) -> None:
    service = serve()
    page.goto(f"{service.url}/")
    page.wait_for_selector("#content:not([hidden])")
    assert page.is_hidden("#login")
    assert page.is_visible("#none")
    assert page.told == []


def test_a_page_of_an_allowed_origin_shows_live_pictures(serve: Any, page: Any, site: Any) -> None:
    allowed, show_allowed = site("strict-origin-when-cross-origin")
    silent, show_silent = site("no-referrer")
    strange, show_strange = site("strict-origin-when-cross-origin")
    service = serve(token="secret", origins=(allowed,))
    with service.client("secret") as client:
        add_stream(client)
        url = service.url + client.get("/streams/gate/link?seconds=60").json()["url"]
        for set_page in (show_allowed, show_silent, show_strange):
            set_page(f"<body><img src='{url.replace('&', '&amp;')}'></body>")
    for origin in (allowed, silent):
        page.goto(origin)
        shows(page, f"({SIZE}) == 128")
    page.goto(strange)
    shows(page, "document.querySelector('img').complete")
    assert page.evaluate(SIZE) == 0
    show_allowed(f"<body><img src='{service.url}/streams/gate/mjpeg'></body>")
    page.goto(allowed)
    shows(page, "document.querySelector('img').complete")
    assert page.evaluate(SIZE) == 0  # no token


def test_without_a_token_a_listed_page_needs_no_signature(serve: Any, page: Any, site: Any) -> None:
    allowed, show_allowed = site("strict-origin-when-cross-origin")
    strange, show_strange = site("strict-origin-when-cross-origin")
    service = serve(origins=(allowed,))
    with service.client() as client:
        add_stream(client)
    for set_page in (show_allowed, show_strange):
        set_page(f"<body><img src='{service.url}/streams/gate/mjpeg'></body>")
    page.goto(allowed)
    shows(page, f"({SIZE}) == 128")
    page.goto(strange)
    shows(page, "document.querySelector('img').complete")
    assert page.evaluate(SIZE) == 0


def test_events_in_a_page(serve: Any, page: Any) -> None:
    service = serve(token="secret")
    with service.client("secret") as client:
        add_stream(client)
        url = client.get("/events/link?stream=gate").json()["url"]
    page.goto(f"{service.url}/")
    line = page.evaluate(
        "url => new Promise((done, fail) => { const source = new EventSource(url);"
        " source.onmessage = (event) => { source.close(); done(event.data); };"
        " source.onerror = () => fail('refused'); })",
        url,
    )
    assert '"stream":"gate"' in line


def test_signed_addresses(serve: Any) -> None:
    service = serve(token="secret", admin_token="admin")
    with service.client("admin") as admin, service.client() as nobody:
        add_stream(admin)
        answer = admin.get("/streams/gate/link?of=snapshot&seconds=60&quality=30").json()
        url = answer["url"]
        assert 50 < answer["expires"] - time.time() <= 60
        assert nobody.get(url).status_code == 200
        assert nobody.get(f"{url}&t=1764").status_code == 200
        assert nobody.head(url).status_code in {200, 405}
        for wrong in (
            url.replace("snapshot", "mjpeg"),
            url.replace("gate", "yard"),
            url.replace("quality=30", "quality=99"),
            url.replace("&quality=30", ""),
            f"{url}&annotated=false",
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url.replace(str(answer["expires"]), str(answer["expires"] + 900)),
            url.replace("/snapshot", ""),
            url.replace("/streams/gate/snapshot", "/models"),
        ):
            assert nobody.get(wrong).status_code == 401, wrong
        for method in ("POST", "DELETE"):
            assert nobody.request(method, url.replace("/snapshot", "")).status_code == 401
        assert nobody.get("/streams/gate/link").status_code == 401
        assert admin.get("/streams/none/link").status_code == 404
        assert admin.get("/streams/gate/link?seconds=86400").status_code == 422
        assert "cross-origin-resource-policy" in nobody.get(url).headers
        assert nobody.get(url).headers["cross-origin-resource-policy"] == "same-origin"


def test_a_signed_address_ends_with_its_time_and_its_token(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = serve(token="secret").options
    signer = Signer(options)
    path, _, query = signer.sign("/events", 60, [("stream", "a")])[0].partition("?")
    assert signer.check(path, query.encode())
    assert Signer(options).check(path, query.encode())  # the service was started again
    assert not Signer(serve(token="other").options).check(path, query.encode())
    assert not Signer(serve().options).check(path, query.encode())
    assert signer.check(path, b"stream=a") is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert not signer.check(path, query.encode())

"""``sightline models`` as processes, against a server on loopback."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightline.cli import models, options
from sightline.errors import ConfigError, ModelError

MODEL = b"\x08\x08\x3a\x80\x80\x40" + bytes(1 << 20)  # ir_version 8, then a graph of 2^20 bytes
SHA = hashlib.sha256(MODEL).hexdigest()
runner = CliRunner()


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends the second half only once ``go`` is set; counts whole answers and resumptions."""

    go: threading.Event
    seen: list[str | None]

    def log_message(self, *_args: object) -> None:
        """Keep the test output quiet."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        start = int(asked[6:-1]) if asked else 0
        self.seen.append(asked)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(MODEL) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(MODEL) - 1}/{len(MODEL)}")
        self.send_header("ETag", '"one"')
        self.end_headers()
        half = max(start, len(MODEL) // 2)
        try:
            self.wfile.write(MODEL[start:half])
            self.wfile.flush()
            self.go.wait(30)
            self.wfile.write(MODEL[half:])
        except OSError:
            self.close_connection = True  # the client was killed, as the test wants


@pytest.fixture
def handler() -> type[Slow]:
    return type("Bound", (Slow,), {"go": threading.Event(), "seen": []})


@pytest.fixture
def url(handler: type[Slow]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/mine.onnx"
    handler.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def start(*args: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import sys; from sightline.cli.models import app; app(sys.argv[1:])"
    command = [sys.executable, "-c", code, *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def holds(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size >= size


def test_two_processes_at_once_fetch_once(url: str, handler: type[Slow], tmp_path: Path) -> None:
    both = [start("pull", "--url", url, "--folder", str(tmp_path)) for _ in range(2)]
    wait_until(lambda: bool(handler.seen))
    handler.go.set()
    for process in both:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert out == f"{tmp_path / 'mine.onnx'}\n"
    assert (tmp_path / "mine.onnx").read_bytes() == MODEL
    assert handler.seen == [None]


def test_killed_process_is_continued(url: str, handler: type[Slow], tmp_path: Path) -> None:
    first = start("pull", "--url", url, "--folder", str(tmp_path))
    part = tmp_path / "mine.onnx.part"
    wait_until(lambda: holds(part, len(MODEL) // 4))
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    arrived = part.stat().st_size
    assert not (tmp_path / "mine.onnx").exists()
    handler.go.set()
    result = runner.invoke(models.app, ["pull", "--url", url, "--folder", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert handler.seen == [None, f"bytes={arrived}-"]
    assert (tmp_path / "mine.onnx").read_bytes() == MODEL


def test_pull_list_show(
    url: str, handler: type[Slow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.go.set()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "sightline" / "models" / "own.onnx"
    pulled = runner.invoke(models.app, ["pull", "own", "--url", url, "--sha256", SHA])
    assert pulled.stdout == f"{path}\n"
    assert pulled.stderr.splitlines()[-2:] == ["own: 1.0 of 1.0 MB", "own: licence not said"]
    (path.parent / "yolox_s.onnx").write_bytes(MODEL)
    listed = runner.invoke(models.app, ["list"]).stdout
    rows = {line.split()[1]: line.split()[-2] for line in listed.splitlines() if "MB" in line}
    assert rows == {
        "street": "Sightline",
        "colours": "--embedder",
        "street-embedder": "--embedder",
        "street-attributes": "--classify",  # these four come with it
        "yolox_nano": "no",
        "yolox_tiny": "no",
        "yolox_s": "hand",
        "yolox_m": "no",
        "own": "yes",
    }
    shown = runner.invoke(models.app, ["show", "own"]).stdout
    for fact in (str(path), SHA, url):
        assert fact in shown
    absent = runner.invoke(models.app, ["show", "yolox_nano"]).stdout
    for fact in ("Apache-2.0", "https://github.com/", "416x416", "25.8", "yolox", "not pulled"):
        assert fact in absent
    path.write_bytes(b"\x08\x07")
    assert "changed" in runner.invoke(models.app, ["list"]).stdout
    assert isinstance(runner.invoke(models.app, ["show", "own"]).exception, ModelError)


def with_metadata(**texts: str) -> bytes:
    """A model that says this of itself, as exporters write it."""

    def field(number: int, content: bytes) -> bytes:
        size = len(content)
        return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content

    entries = b"".join(
        field(14, field(1, key.encode()) + field(2, text.encode())) for key, text in texts.items()
    )
    return MODEL + entries


AGPL = "AGPL-3.0 License (https://ultralytics.com/license)"


@pytest.mark.parametrize(
    ("name", "content", "card", "licence"),
    [
        pytest.param("own", with_metadata(description="x", license=AGPL), "", AGPL, id="the file says"),
        pytest.param("yolox_s", with_metadata(license=AGPL), "", AGPL, id="not as published"),
        pytest.param("yolox_s", MODEL, "", "Apache-2.0", id="published, the file is silent"),
        pytest.param("own", with_metadata(License="MIT"), "licence: BSD-3-Clause", "BSD-3-Clause", id="a card"),
        pytest.param("own", MODEL, "license: MIT", "MIT", id="a card in the other spelling"),
        pytest.param("own", MODEL, "- a: [", "not said", id="nobody, and the card is broken"),
        pytest.param("own", with_metadata(license="[red]\x1b[2Ja\nb"), "", "[red] [2Ja b", id="markup"),
        pytest.param("own", b"\xff" * 50, "", "not said", id="no model"),
    ],
)  # fmt: skip
def test_the_licence_is_what_the_file_says(
    name: str, content: bytes, card: str, licence: str, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.onnx").write_bytes(content)
    if card:
        (tmp_path / f"{name}.yaml").write_text(card)
    listed = runner.invoke(models.app, ["list", "--models-dir", str(tmp_path)]).stdout
    (row,) = (line for line in listed.splitlines() if f" {name} " in line)
    assert row.split("│")[2].strip() == licence
    shown = runner.invoke(models.app, ["show", name, "--models-dir", str(tmp_path)]).stdout
    assert f"licence:       {licence}\n" in shown


def test_models_alone_lists_what_is_here_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache" / "sightline" / "models"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / "yolox_m.onnx").write_bytes(MODEL)
    (folder / "own.onnx").write_bytes(MODEL)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in ("mine.onnx", "ir.xml", "ir.bin", "labels.xml", "notes.txt"):
        (here / name).write_bytes(MODEL)
    rows = [line.split("│") for line in runner.invoke(models.app, []).stdout.splitlines()]
    found = [(row[1].strip(), row[6].strip()) for row in rows if len(row) > 6]
    assert found == [
        ("street", "comes with Sightline"), ("colours", "comes with Sightline, for --embedder"),
        ("street-attributes", "comes with Sightline, for --classify"),
        ("street-embedder", "comes with Sightline, for --embedder"), ("people", "comes with OpenCV"),
        ("yolox_m", "by hand"), ("own", "by hand"),
        ("yolox_nano", "no"), ("yolox_tiny", "no"), ("yolox_s", "no"),
        ("./ir.xml", "in this folder"), ("./mine.onnx", "in this folder"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(
            "mine.onnx", ["path:          mine.onnx", "size:          1.0 MB"], id="a file"
        ),
        pytest.param(
            "./mine.onnx", ["more:          sightline inspect ./mine.onnx"], id="its path"
        ),
        pytest.param(
            "street", ["name:          street", "licence:       Apache-2.0"], id="bundled"
        ),
        pytest.param("people", ["it comes with OpenCV"], id="people"),
    ],
)
def test_show_of_what_was_not_pulled(
    name: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.onnx").write_bytes(MODEL)
    shown = runner.invoke(models.app, ["show", name, "--models-dir", "none"])
    assert shown.exit_code == 0, shown.exception
    for text in said:
        assert text in shown.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("gone.onnx", "no model file at gone.onnx", id="no file"),
        pytest.param("clip.mp4", "clip.mp4 is no model file", id="a video"),
        pytest.param("stret", "did you mean street", id="a slip"),
    ],
)
def test_show_of_what_is_no_model(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    shown = runner.invoke(models.app, ["show", name, "--models-dir", "none"])
    assert isinstance(shown.exception, (ConfigError, ModelError))
    assert said in str(shown.exception)


def test_the_old_name_of_the_folder_is_taken_and_warned_of(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(MODEL)
    result = runner.invoke(models.app, ["list", "--folder", str(tmp_path)])
    assert " own " in result.stdout
    assert "warning: --folder is called --models-dir now" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["pull"], "name a model", id="nothing_named"),
        pytest.param(["pull", "yolox-nano"], "did you mean yolox_nano", id="unknown_pull"),
        pytest.param(["show", "yolox-nano"], "did you mean yolox_nano", id="unknown_show"),
        pytest.param(["pull", "a", "b", "--url", "https://h/x"], "one name", id="two_names"),
        pytest.param(["pull", "a", "--url", "file:///x.onnx"], "not file", id="file_url"),
        pytest.param(["pull", "http://example.com/x.onnx"], "plain http", id="plain_http"),
    ],
)
def test_bad_usage(tmp_path: Path, args: list[str], message: str) -> None:
    result = runner.invoke(models.app, [*args, "--folder", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_cache_folder_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert options.cache_folder() == tmp_path / ".cache" / "sightline" / "models"


def test_module_is_light() -> None:
    code = "import sys, json, sightline.cli.models; print(json.dumps(sorted(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env
    ).stdout
    assert not {"rich", "numpy", "urllib.request", "sightline.models.zoo"} & set(json.loads(out))


def test_untrusted_certificate_is_told_at_once(tmp_path: Path) -> None:
    import shutil
    import ssl

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 1 -subj"
    subprocess.run([*make.split(), "/CN=localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        address = f"https://localhost:{server.server_port}/mine.onnx"
        result = runner.invoke(models.app, ["pull", address, "--folder", str(tmp_path / "m")])
        assert isinstance(result.exception, ModelError)
        assert "certificate is not trusted" in str(result.exception)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

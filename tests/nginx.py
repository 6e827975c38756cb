"""A real nginx in front of services, configured as the guide shows it."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.ports import free_ports
from tests.waiting import wait_for

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guides" / "proxy.md"

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
{user}
events {{ worker_connections 2048; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/sightline.conf;
    server {{  # as nginx is without a word about it: HTTP/1.0, the upstream's name as host
        listen 127.0.0.1:{plain};
        location / {{ proxy_pass http://sightline; }}
    }}
    server {{
        listen 127.0.0.1:{unbuffered};
        location / {{
            proxy_pass http://sightline;
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """An nginx that runs: as the guide has it, with defaults, and without buffers for bodies."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    plain: str
    unbuffered: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> bytes:
        return (self.folder / "sightline.pem").read_bytes()

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "sightline.pem"))

    def errors(self) -> str:
        return (self.folder / "error.log").read_text()


@contextmanager
def nginx(folder: Path, http_ports: Sequence[int], grpc_ports: Sequence[int]) -> Iterator[Proxy]:
    """Skips where nginx or openssl is not installed."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    port, plain, unbuffered = free_ports(3)
    (folder / "sightline.conf").write_text(_configuration(folder, port, http_ports, grpc_ports))
    user = "user root;" if os.getuid() == 0 else ""
    text = NGINX.format(folder=folder, user=user, plain=plain, unbuffered=unbuffered)
    (folder / "nginx.conf").write_text(text)
    _make_certificate(folder)
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: (folder / "nginx.pid").exists() or process.poll() is not None)
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        yield Proxy(
            process, folder, port, f"http://127.0.0.1:{plain}", f"http://127.0.0.1:{unbuffered}"
        )
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _configuration(
    folder: Path, port: int, http_ports: Sequence[int], grpc_ports: Sequence[int]
) -> str:
    """The guide's, with the ports of a test."""
    found = re.search(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    text = found.group(1)
    for line, new in (
        ("server 127.0.0.1:8000;", "".join(f"server 127.0.0.1:{p};" for p in http_ports)),
        ("server 127.0.0.1:8001;", "".join(f"server 127.0.0.1:{p};" for p in grpc_ports)),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("/etc/ssl/", f"{folder}/"),
    ):
        assert line in text
        text = text.replace(line, new)
    return text


def _make_certificate(folder: Path) -> None:
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(folder / "sightline.key"), "-out", str(folder / "sightline.pem"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)

"""A real Triton server on a model repository that was written to a folder. No PyTriton between."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.ports import free_ports
from tests.triton_models import PYTHON, ROOT

SYSTEM_PYTHON = Path("/usr/bin/python3")
START_S = 100.0


@dataclass(frozen=True)
class Serving:
    """Where it listens, and what it has written so far."""

    http: int
    grpc: int
    log: Path


@contextlib.contextmanager
def serving(repository: Path, folder: Path) -> Iterator[Serving]:
    """Triton with all models of a repository; ``folder`` holds what it needs for that."""
    pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("no Triton server here: tools/install_triton installs one")
    (packages,) = PYTHON.parent.parent.glob("lib/python*/site-packages")
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    if packages.parent.name != f"python{minor}":
        pytest.skip("the system's Python is another than the tests', whose packages it would need")
    server = packages / "pytriton" / "tritonserver"
    backends = folder / "backends"
    shutil.copytree(server / "backends", backends)
    stub = server / "python_backend_stubs" / minor / "triton_python_backend_stub"
    shutil.copy(stub, backends / "python")
    http, grpc = free_ports(2)
    found = Serving(http, grpc, folder / "triton.log")
    flags = [
        f"--model-repository={repository}", f"--backend-directory={backends}",
        f"--http-port={http}", f"--grpc-port={grpc}", "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1", "--allow-metrics=0", "--exit-timeout-secs=2",
    ]  # fmt: skip
    path = f"{_environment(folder, packages)}:{os.environ['PATH']}"
    with found.log.open("wb") as log:
        process = subprocess.Popen(
            [str(server / "bin" / "tritonserver"), *flags],
            stdout=log,
            stderr=log,
            start_new_session=True,  # its stubs are ended with it
            env=os.environ
            | {"PATH": path, "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs")},
        )
    try:
        _wait_until_ready(process, found)
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _environment(folder: Path, triton: Path) -> Path:
    """The programs of an environment of the system's Python with this package and what it needs.

    NumPy is the one that was installed with Triton: its stub was built for that.
    """
    environment = folder / "environment"
    command = [str(SYSTEM_PYTHON), "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(command, check=True, timeout=60)
    (packages,) = environment.glob("lib/python*/site-packages")
    ours = [sysconfig.get_path("purelib"), *site.getsitepackages()]
    borrowed = [line for pth in Path(ours[0]).glob("*.pth") for line in _folders(pth)]
    lines = [ROOT / "src", triton, *ours, *borrowed]
    (packages / "borrowed.pth").write_text("\n".join(dict.fromkeys(map(str, lines))) + "\n")
    return environment / "bin"


def _folders(pth: Path) -> list[str]:
    return [line for line in pth.read_text().splitlines() if Path(line).is_dir()]


def _wait_until_ready(process: subprocess.Popen[bytes], found: Serving) -> None:
    import tritonclient.grpc

    deadline = time.monotonic() + START_S
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{found.grpc}") as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(tritonclient.grpc.InferenceServerException):
                if client.is_server_ready():
                    return
            time.sleep(0.1)
    pytest.fail(f"Triton is not ready:\n{found.log.read_text(errors='replace')[-4000:]}")

"""A real Triton server that loads the ONNX models tests hand it. A pytest plugin."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "triton" / "bin" / "python"
SERVER = Path(__file__).parent / "system" / "triton_server.py"
START_S = 90.0


class TritonServer:
    """One server process; models stay loaded, by what is in their files."""

    def __init__(self, folder: Path) -> None:
        self.http, self.grpc = free_ports(2)
        self._folder = folder
        self._loaded: set[str] = set()
        self._start()

    def url(self, scheme: str, model: str) -> str:
        return f"{scheme}://127.0.0.1:{self.grpc if scheme == 'grpc' else self.http}/{model}"

    def load(self, path: Path, kind: str = "plain") -> str:
        """The name under which the server runs an ONNX file; see ``triton_server.py``."""
        name = f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}-{kind}"
        if name not in self._loaded:
            kept = self._folder / f"{name}.onnx"  # the test's own file goes when the test ends
            shutil.copyfile(path, kept)
            assert self._process.stdin is not None
            self._process.stdin.write(f"{name} {kept} {kind}\n")
            self._process.stdin.flush()
            self._wait_for(f"loaded {name}")
            self._loaded.add(name)
        return name

    def kill(self) -> None:
        """As a crash would; what a crash leaves lying about is removed."""
        if self._process.poll() is None:
            left = left_behind(self._process.pid)
            os.killpg(self._process.pid, signal.SIGKILL)
            for path in left:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
        shutil.rmtree(self._home, ignore_errors=True)  # a copy of the server is in it
        self._process.wait(10)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._loaded.clear()

    def restart(self) -> None:
        """On the same ports."""
        self._start()

    def _start(self) -> None:
        # Sockets lie in it, and the path of a socket may have 107 characters.
        self._home = tempfile.mkdtemp(prefix="triton")
        # A pipe of its own: on standard output Triton's processes write into one another's lines.
        heard, told = os.pipe()
        log = (self._folder / "triton.log").open("ab")
        self._process = subprocess.Popen(
            [str(PYTHON), str(SERVER), str(self.http), str(self.grpc), str(told)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(told,),
            text=True,
            start_new_session=True,  # its server and stubs are ended with it
            env=os.environ | {"PYTRITON_HOME": self._home},
        )
        log.close()
        os.close(told)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._pump, args=(heard,), daemon=True).start()
        self._wait_for("ready")

    def _pump(self, heard: int) -> None:
        with os.fdopen(heard) as lines:
            for line in lines:
                self._lines.put(line.strip())
        self._lines.put("ended")

    def _wait_for(self, line: str) -> None:
        try:
            got = self._lines.get(timeout=START_S)
        except queue.Empty:
            got = "nothing"
        assert got == line, (self._folder / "triton.log").read_text(errors="replace")[-3000:]


def left_behind(group: int) -> set[Path]:
    """Shared memory and folders that the processes of a group would not remove when killed."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may just have ended
            if os.getpgid(int(process.name)) != group:
                continue
            words = (process / "maps").read_text().split()
            found |= {Path(word) for word in words if word.startswith("/dev/shm/")}
            for word in (process / "cmdline").read_text().split("\0"):
                if word.startswith(f"{tempfile.gettempdir()}/folder"):
                    found.add(Path(word).parents[1])
    return found


def make_server(folder: Path) -> TritonServer:
    pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("no Triton server here: tools/install_triton installs one")
    return TritonServer(folder)


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """One for all tests that leave it running."""
    server = make_server(tmp_path_factory.mktemp("triton"))
    yield server
    server.kill()


@pytest.fixture
def own_triton_server(tmp_path: Path) -> Iterator[TritonServer]:
    """One that a test may kill."""
    server = make_server(tmp_path)
    yield server
    server.kill()

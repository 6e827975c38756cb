"""The command line's setting for forks of gRPC's process: its handlers would print a line for each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os
from concurrent.futures import ThreadPoolExecutor
from sightline.cli import main

def work():
    import grpc
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary("/nobody/nothing")(b"", timeout=30)
        except grpc.RpcError as exc:
            print(exc.code().name)
        for _ in range(3):
            child = os.fork()
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
    server.stop(None).wait()
    return 0

main._run = work
main.main()
"""


@pytest.mark.parametrize("setting", [None, "1"], ids=["ours", "gRPC's own"])
def test_forks_are_quiet(setting: str | None) -> None:
    """With gRPC's own setting they are not: else this test could not fail."""
    environment = {k: v for k, v in os.environ.items() if k != "GRPC_ENABLE_FORK_SUPPORT"}
    if setting is not None:
        environment["GRPC_ENABLE_FORK_SUPPORT"] = setting
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "UNIMPLEMENTED\n")
    if setting is None:
        assert done.stderr == ""
    else:
        assert "fork" in done.stderr

"""What only OpenVINO's engine has to take care of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")

INTERRUPTED = """
import gc, signal, sys, threading
from pathlib import Path
from sightline.engines.openvino_ import OpenVinoEngine
from sightline.types import Normalization

engine = OpenVinoEngine(Path(sys.argv[1]), Normalization())
engine.close()
holder = [engine]
del engine
thread = threading.Thread(target=lambda: (holder.clear(), gc.collect()))
thread.start()
thread.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_an_engine_was_freed_by_another_thread(data: Path) -> None:
    """In a process of its own: what fails here is a segmentation fault."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(data / "models" / "yolox_nano.onnx")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr

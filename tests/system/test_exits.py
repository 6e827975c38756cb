"""However an interpreter ends while models and streams are open: its exit code, and no native words."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest_plugins = ("tests.torch_models",)

HEAD = """
import os, signal, sys, threading, time
import numpy as np
import sightline as sl

STREET = "street://?duration=60&width=320&height=192"
PICTURE = np.zeros((64, 64, 3), np.uint8)
backend = "{backend}"

def interrupts(after_s, *pauses_s):
    "Ctrl-C, from outside of Python's own threads, once and again after each pause."
    script = f"sleep {{after_s}}; kill -INT {{os.getpid()}}; "
    script += "".join(f"sleep {{p}}; kill -INT {{os.getpid()}}; " for p in pauses_s)
    import subprocess
    subprocess.Popen(["sh", "-c", script])

"""

LOOP = "for seen in sl.track(STREET, sl.load('street', backend=backend)):\n    "
MODEL = "model = sl.load('street', backend=backend)\nmodel.detect(PICTURE)\n"

WAYS = {
    "an exception in the loop": (LOOP + "raise ValueError('mine')", 1, "ValueError: mine"),
    "an exception while a model is a name": (MODEL + "1 / 0", 1, "ZeroDivisionError"),
    "SystemExit in the loop": (LOOP + "raise SystemExit(3)", 3, ""),
    "sys.exit with a message": (LOOP + "sys.exit('said')", 1, "said"),
    "a loop that is broken": (LOOP + "break", 0, ""),
    "a generator that is half read": (MODEL + "it = sl.track(STREET, model)\nnext(it)", 0, ""),
    "two generators": (
        MODEL + "a, b = sl.track(STREET, model), sl.track(STREET, model)\nnext(a), next(b)",
        0,
        "",
    ),
    "a generator that is never begun": (MODEL + "it = sl.track(STREET, model)", 0, ""),
    "Ctrl-C": (
        "interrupts(0.2)\n"
        + LOOP.replace("track(STREET", "track(STREET.replace('60', '600')")
        + "pass",
        -signal.SIGINT,
        "KeyboardInterrupt",
    ),
    "Ctrl-C twice at once": (
        MODEL + "interrupts(0.3, 0.001)\nfor seen in sl.track(STREET, model): time.sleep(0.01)",
        -signal.SIGINT,
        "KeyboardInterrupt",
    ),
    "Ctrl-C three times at once": (
        MODEL + "interrupts(0.3, 0.001, 0.001)\nfor seen in sl.track(STREET, model): pass",
        -signal.SIGINT,
        "KeyboardInterrupt",
    ),
    "Ctrl-C that is caught": (
        MODEL + "interrupts(0.3)\ntry:\n    for seen in sl.track(STREET, model): pass\n"
        "except KeyboardInterrupt:\n    sys.exit(5)",
        5,
        "",
    ),
    "a model that is never closed": (MODEL, 0, ""),
    "several models": (MODEL + "other = sl.load('street')\nother.detect(PICTURE)", 0, ""),
    "an exception in a with": (
        "with sl.load('street', backend=backend) as m:\n    1 / 0",
        1,
        "Zero",
    ),
    "in flight": (
        MODEL + "from sightline.sources.stills import still_frame\n"
        "waiting = [model.detector.submit([still_frame(PICTURE)]) for _ in range(4)]",
        0,
        "",
    ),
    "a daemon thread that detects": (
        MODEL + "threading.Thread(target=lambda: [model.detect(PICTURE) for _ in iter(int, 1)], "
        "daemon=True).start()\ntime.sleep(0.2)",
        0,
        "",
    ),
    "a daemon thread that reads files": (
        MODEL + "import cv2\ncv2.imwrite(path := f'/tmp/{os.getpid()}.png', "
        "np.zeros((2000, 2000, 3), np.uint8))\n"
        "threading.Thread(target=lambda: [model.detect(path) for _ in iter(int, 1)], "
        "daemon=True).start()\ntime.sleep(0.3)\nos.unlink(path)\nsys.exit(4)",
        4,
        None,
    ),
    "a daemon thread that tracks": (
        MODEL + "threading.Thread(target=lambda: [print(end='') for _ in sl.track(STREET, model)], "
        "daemon=True).start()\ntime.sleep(0.2)\nsys.exit(6)",
        6,
        "",
    ),
    "sys.exit in a thread": (
        MODEL
        + "t = threading.Thread(target=lambda: [sys.exit(2) for _ in sl.track(STREET, model)])\n"
        "t.start()",
        0,
        "",
    ),
    "the main thread ends first": (
        MODEL + "def late():\n    time.sleep(0.3)\n    print(len(model.detect(PICTURE)))\n"
        "threading.Thread(target=late).start()",
        0,
        "",
    ),
    "an exit handler that detects": (
        "import atexit\n" + MODEL + "atexit.register(lambda: print(len(model.detect(PICTURE))))",
        0,
        "",
    ),
    "SIGTERM": (
        MODEL + "it = sl.track(STREET, model)\nnext(it)\nos.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(9)",
        -signal.SIGTERM,
        "",
    ),
    "a service that is never closed": (
        MODEL
        + "service = sl.Service(model)\nservice.start()\nservice.predict_sync(PICTURE)\n1 / 0",
        1,
        "Zero",
    ),
    "people": (
        "it = sl.track(STREET, sl.load('people'))\nnext(it)\nraise SystemExit(9)",
        9,
        "",
    ),
}

EACH_RUNTIME = (
    "an exception in the loop",
    "a generator that is half read",
    "Ctrl-C twice at once",
    "a daemon thread that detects",
    "in flight",
)
CASES = [(way, "onnxruntime") for way in WAYS] + [(way, "openvino") for way in EACH_RUNTIME]

NATIVE = re.compile(r"terminate called|Fatal Python|core dumped|Segmentation|Exception ignored")


def run(program: str, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments, "-c", program] if stdin is None else [sys.executable, *arguments],
        input=stdin, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(("way", "backend"), CASES)
def test_an_interpreter_ends(way: str, backend: str) -> None:
    pytest.importorskip(backend)
    program, code, said = WAYS[way]
    ended, errors = run(HEAD.format(backend=backend) + program)
    assert not NATIVE.search(errors), errors
    assert ended == code, errors
    if said:
        assert said in errors
    elif said is not None:
        assert not errors


def test_a_torch_model_that_is_never_closed(to_torch: object, constant_model: object) -> None:
    pytest.importorskip("torch")
    rows = [[[10, 10, 20, 20, 0.9, 0.9]]]
    path = to_torch(constant_model([rows], size=(64, 64)))  # type: ignore[operator]
    program = (
        "import sys\nfrom sightline.engines.pytorch.engine import TorchEngine\n"
        "from sightline.types import Normalization\nfrom pathlib import Path\n"
        f"engine = TorchEngine(Path({str(path)!r}), Normalization())\n"
        "for _ in range(8): last = engine.submit((1, 64, 64), lambda p: p.fill(0), len)\n"
        "sys.exit(3)"
    )
    ended, errors = run(program)
    assert (ended, NATIVE.search(errors)) == (3, None), errors


def test_at_the_prompt() -> None:
    """An exception at the interactive prompt leaves everything open until the prompt ends."""
    lines = HEAD.format(backend="onnxruntime").replace('"Ctrl-C', 'r"Ctrl-C')
    program = f"exec({lines!r})\nmodel = sl.load('street')\nit = sl.track(STREET, model)\n"
    program += "x = next(it)\n1 / 0\nraise SystemExit(8)\n"
    ended, errors = run("", "-i", "-q", stdin=program)
    assert ended == 8, errors
    assert not NATIVE.search(errors), errors


def test_unclosed_models_do_not_keep_their_memory() -> None:
    program = """
import gc, re, time
import numpy as np
import sightline as sl
from pathlib import Path
gc.disable()
picture = np.zeros((64, 64, 3), np.uint8)
def anonymous():
    import threading
    return threading.active_count()
model = sl.load("street", backend="onnxruntime")
model.detect(picture)
before = anonymous()
for _ in range(15):
    model = sl.load("street", backend="onnxruntime")
    model.detect(picture)
deadline = time.monotonic() + 20
while anonymous() > before and time.monotonic() < deadline:
    time.sleep(0.01)
from onnxruntime import InferenceSession
assert anonymous() <= before, (anonymous(), before)
sessions = [o for o in gc.get_objects() if isinstance(o, InferenceSession)]
assert len(sessions) == 1, len(sessions)
"""
    ended, errors = run(program)
    assert (ended, errors) == (0, "")


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_on_the_command_line_leaves_valid_outputs(tmp_path: Path, times: int) -> None:
    json, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    command = [
        sys.executable, "-m", "sightline", "track", "street://?duration=600", "--model", "street",
        "--json", str(json), "--output", str(video),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (json.exists() and json.stat().st_size > 2000) and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        assert process.stderr is not None
        errors = process.stderr.read()
        assert process.wait(30) == 130, errors
    assert not re.search(NATIVE.pattern + "|Traceback", errors), errors
    frames = json.read_text().splitlines()
    assert all(line.endswith("}") for line in frames)
    import av

    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(frames)

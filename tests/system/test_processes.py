"""Models and what is found in other processes: forked, spawned, pickled. Nothing may hang."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sightline as sl
from sightline.types import Event, Label

HEAD = """
import concurrent.futures, multiprocessing, os, signal, sys, threading, time
import numpy as np
import sightline as sl
from sightline.config import SchedulerOptions
PICTURE = np.zeros((64, 64, 3), np.uint8)
STREET = "street://?duration=2"

def in_child(work):
    "What a forked child prints and how it ends; SIGALRM ends one that hangs."
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(50)
        code = 0
        try:
            work()
        except sl.SightlineError as error:
            print("told:", error)
            code = 3
        sys.stdout.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

model = sl.load("street", backend={backend!r}, size=160)
expected = len(model.detect(PICTURE))

def detects():
    assert len(model.detect(PICTURE)) == expected
"""

FORKS = {
    "detect": "assert in_child(detects) == 0\ndetects()",
    "many children": "assert [in_child(detects) for _ in range(3)] == [0, 0, 0]",
    "grandchildren": "def work():\n    assert in_child(detects) == 0\nassert in_child(work) == 0",
    "while it is detecting": (
        "threading.Thread(target=lambda: [detects() for _ in iter(int, 1)], daemon=True).start()\n"
        "time.sleep(0.1)\nassert [in_child(detects) for _ in range(4)] == [0] * 4"
    ),
    "threads of the child": (
        "def work():\n    pool = concurrent.futures.ThreadPoolExecutor(4)\n"
        "    list(pool.map(lambda _: detects(), range(8)))\nassert in_child(work) == 0"
    ),
    "track in the child": (
        "assert in_child(lambda: print(sum(1 for _ in sl.track(STREET, model)))) == 0"
    ),
    "an iterator of the parent": (
        "it = sl.track(STREET, model)\nnext(it)\nassert in_child(lambda: next(it)) == 3\nnext(it)"
    ),
    "an iterator that the child forgets": (
        "it = sl.track(STREET, model)\nnext(it)\n"
        "def work():\n    global it\n    del it\n    detects()\nassert in_child(work) == 0\nnext(it)"
    ),
    "closed in the child": "assert in_child(model.close) == 0\ndetects()",
    "closed before": (
        "other = sl.load('street')\nother.close()\nassert in_child(lambda: other.detect(PICTURE)) == 3"
    ),
    "a service": (
        "service = sl.Service(model, SchedulerOptions(max_batch=1))\nservice.start()\nservice.predict_sync(PICTURE)\n"
        "assert in_child(lambda: service.predict_sync(PICTURE)) == 0\nservice.predict_sync(PICTURE)\n"
        "service.close()"
    ),
    "a service that is closed in the child": (
        "service = sl.Service(model, SchedulerOptions(max_batch=1))\nservice.start()\nassert in_child(service.close) == 0\n"
        "service.predict_sync(PICTURE)\nservice.close()"
    ),
    "a scheduler": (
        "from sightline.runtime.scheduling.items import Terms\n"
        "from sightline.runtime.scheduling.scheduled import ScheduledEngine\n"
        "from sightline.runtime.scheduling.scheduler import Scheduler\n"
        "scheduler = Scheduler(SchedulerOptions())\nscheduler.add('m', model.detector.engine)\n"
        "engine = ScheduledEngine(scheduler, 'm', Terms('c'))\n"
        "assert in_child(lambda: engine.submit((1, 64, 64), None, None)) == 3\nscheduler.close()"
    ),
    "a bare engine": (
        "engine = model.detector.engine.engine\n"
        "assert in_child(lambda: engine.submit((1, 64, 64), None, None)) == 3\n"
        "assert in_child(engine.close) == 0"
    ),
    "people": (
        "model = sl.load('people')\nexpected = len(model.detect(PICTURE))\n"
        "assert in_child(detects) == 0\ndetects()"
    ),
    "a live source": (
        "from sightline.sources.live import LiveSource\nfrom sightline.config import LiveOptions\n"
        "source = LiveSource('http://127.0.0.1:9/', options=LiveOptions(wait_for_camera=True))\n"
        "threading.Thread(target=source.open, daemon=True).start()\ntime.sleep(0.2)\n"
        "assert in_child(source.open) == 3\nsource.close()"
    ),
    "a sink": (
        "from sightline.sinks.background import Background\n"
        "work = Background(lambda items: None, capacity=1, name='out')\n"
        "assert in_child(lambda: [work.put(1) for _ in range(9)]) == 3\n"
        "assert in_child(work.close) == 0\nwork.close()"
    ),
    "a child that ends by itself": (
        "child = os.fork()\nif child == 0:\n    detects()\n    sys.exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7"
    ),
    "a child that uses nothing": (
        "child = os.fork()\nif child == 0:\n    sys.exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7"
    ),
    "a pool": (
        "context = multiprocessing.get_context('fork')\n"
        "with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:\n"
        "    found = list(pool.map(model.detect, [PICTURE] * 4))\n"
        "assert [len(f) for f in found] == [expected] * 4"
    ),
    "a data loader": (
        "class Pictures:\n    def __len__(self): return 4\n"
        "    def __getitem__(self, i): return len(model.detect(PICTURE))\n"
        "from torch.utils.data import DataLoader\n"
        "assert [int(x) for x in DataLoader(Pictures(), num_workers=2)] == [expected] * 4"
    ),
}  # fmt: skip
EACH_RUNTIME = ("detect", "while it is detecting", "a child that ends by itself")
CASES = [(how, "onnxruntime") for how in FORKS] + [(how, "openvino") for how in EACH_RUNTIME]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("how", "backend"), CASES)
def test_after_a_fork(how: str, backend: str) -> None:
    pytest.importorskip(backend)
    if "torch" in FORKS[how]:
        pytest.importorskip("torch")
    run(HEAD.format(backend=backend) + FORKS[how])


def run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "told: " not in done.stdout or "process" in done.stdout or "closed" in done.stdout


POOL = """
import concurrent.futures, multiprocessing, sys
import numpy as np
import sightline as sl

if __name__ == "__main__":
    with sl.load("street", backend="onnxruntime", conf=0.1) as model:
        context = multiprocessing.get_context(sys.argv[1])
        frames = [seen.frame for seen in sl.track("street://?duration=0.1", model)]
        expected = [len(found) for found in model.detect([frame.image for frame in frames])]
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found = [len(f) for f in pool.map(model.detect, frames)]
        assert sum(found) > 0
        assert found == expected, (found, expected)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_each_kind(tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(POOL)
    done = subprocess.run(
        [sys.executable, str(program), method],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def model() -> sl.Model:
    return sl.load("street", backend="onnxruntime", conf=0.2, classes=["person", "car"])


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_model_is_pickled_as_it_was_loaded(model: sl.Model, protocol: int) -> None:
    street = next(iter(sl.track("street://?duration=1", model))).frame.image
    data = pickle.dumps(model, protocol)
    assert len(data) < 100_000, "the options, not the weights"
    with pickle.loads(data) as again:
        assert again.detector.engine.info == model.detector.engine.info
        found, before = again.detect(street), model.detect(street)
        assert len(before) > 0
        assert np.array_equal(found.boxes, before.boxes)


def test_a_relative_path_is_found_in_another_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data / "models")
    with sl.load("yolox_nano.onnx", backend="onnxruntime") as model:
        content = pickle.dumps(model)
    monkeypatch.chdir(tmp_path)
    with pickle.loads(content) as again:
        assert "person" in again.class_names


def test_copies_of_a_model(model: sl.Model) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    assert len(copy.copy(model).detect(picture)) == len(model.detect(picture))
    with copy.deepcopy(model) as other:
        assert other.detector.engine is not model.detector.engine
    model.detect(picture)  # closing the copy did not close it


def test_people_are_pickled() -> None:
    with sl.load("people", conf=0.5) as model, pickle.loads(pickle.dumps(model)) as again:
        assert len(again.detect(np.zeros((200, 200, 3), np.uint8))) == 0


def test_a_service_says_that_it_cannot_be_pickled(model: sl.Model) -> None:
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(sl.Service(model))


def test_frames_of_a_video_are_pickled_with_their_pixels(data: Path, model: sl.Model) -> None:
    seen = next(iter(sl.track(data / "videos" / "car-detection.mp4", model)))
    seen.frame.image.sum()  # made already: it must not be sent twice
    content = pickle.dumps(seen)
    assert len(content) < 1.1 * seen.frame.image.nbytes
    again = pickle.loads(content)
    assert np.array_equal(again.frame.image, seen.frame.image)
    frame, other = seen.frame, again.frame
    assert (other.stream, other.index, other.time) == (frame.stream, frame.index, frame.time)
    assert np.array_equal(again.detections.boxes, seen.detections.boxes)
    assert copy.deepcopy(frame).image.shape == frame.image.shape


def test_a_whole_observation_is_pickled() -> None:
    frame = next(iter(sl.track("street://?duration=0.1", "street"))).frame
    seen = sl.Observation(
        frame,
        sl.Detections.empty(("a",)),
        {1: (Label("colour", "red", 0.5),)},
        (Event("line", 0.1, "gate", 3, {"way": "in"}),),
    )
    again = pickle.loads(pickle.dumps(seen))
    assert (again.labels, again.events) == (seen.labels, seen.events)
    assert np.array_equal(again.frame.image, frame.image)

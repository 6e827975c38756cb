from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.sinks.window import WindowSink, grid
from sightline.types import StreamInfo

tkinter = pytest.importorskip("tkinter", reason="this Python has no tkinter")
DEADLINE_S = 10.0


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A real X server without a screen."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as numbers:
        number = numbers.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(DEADLINE_S)


@pytest.fixture
def screen(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that Tk was given, as arrays (height, width, 3), RGB."""
    pictures: list[np.ndarray] = []
    real = tkinter.PhotoImage.configure

    def configure(self, **options):
        real(self, **options)
        header, pixels = options["data"].split(b"\n", 1)
        width, height = map(int, header.split()[1:3])
        # What Tk itself made of it, not what it was sent.
        assert (self.width(), self.height()) == (width, height)
        pictures.append(np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
        assert self.get(0, 0) == tuple(pictures[-1][0, 0])

    monkeypatch.setattr(tkinter.PhotoImage, "configure", configure)
    return pictures


def test_the_newest_frame_is_shown(screen, shown, observe):
    sink = WindowSink(show_fps=False)
    sink.open(StreamInfo("cam", 96, 64))
    image = np.zeros((64, 96, 3), np.uint8)
    image[:] = (200, 60, 20)
    sink.write(observe(image=image))
    wait_for(lambda: bool(shown) and tuple(shown[-1][0, 0]) == (20, 60, 200))
    sink.write(observe(index=1, boxes=[[40, 30, 80, 60, 0.9, 2, 3]]))
    wait_for(lambda: bool((shown[-1][60, 45:75] != 90).any(axis=1).all()))
    sink.close()
    sink.close()


def test_streams_stand_side_by_side(screen, shown, observe):
    sink = WindowSink(show_fps=False)
    for name in ("a", "b", "c"):
        sink.open(StreamInfo(name, 96, 64))
        sink.write(observe(name))
    wait_for(lambda: bool(shown) and shown[-1].shape == (128, 192, 3) and shown[-1][64, 0, 0] == 90)
    assert (shown[-1][64:, 96:] == 0).all()
    sink.close()


@pytest.fixture
def user(monkeypatch):
    """Lets a user act as soon as the window is up: presses a key, or closes the window."""
    real = tkinter.Tk.update

    def plan(action: str) -> None:
        todo = [action]

        def update(self):
            real(self)
            if self.winfo_viewable() and todo:
                if todo.pop() == "close":
                    self.tk.eval(self.protocol("WM_DELETE_WINDOW"))
                else:
                    self.focus_force()
                    self.event_generate(action)

        monkeypatch.setattr(tkinter.Tk, "update", update)

    return plan


@pytest.mark.parametrize("action", ["<q>", "<Escape>", "close"])
def test_the_user_can_stop_the_run(screen, observe, user, action):
    user(action)
    stopped = threading.Event()
    sink = WindowSink(on_close=stopped.set)
    sink.open(StreamInfo("cam", 96, 64))
    assert stopped.wait(DEADLINE_S)
    sink.write(observe())
    sink.close()


def test_other_keys_do_nothing(screen, shown, observe, user):
    user("<x>")
    sink = WindowSink(on_close=lambda: pytest.fail("stopped"), show_fps=False)
    sink.open(StreamInfo("cam", 96, 64))
    for index in range(3):
        count = len(shown)
        sink.write(observe(index=index))
        wait_for(lambda count=count: len(shown) > count)
    sink.close()


def test_closing_the_window_is_like_ctrl_c(screen, user):
    user("close")
    sink = WindowSink()
    never = threading.Event()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come as soon as it is open
        sink.open(StreamInfo("cam", 96, 64))
        never.wait(DEADLINE_S)
    sink.close()


def test_no_display_is_told_with_the_remedy(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    sink = WindowSink()
    with pytest.raises(SinkError, match="no display: set DISPLAY or use --output"):
        sink.open(StreamInfo("cam", 96, 64))
    sink.close()


def test_a_failure_while_drawing_reaches_the_caller(screen, observe):
    sink = WindowSink()
    sink.open(StreamInfo("cam", 96, 64))
    broken = observe()
    broken.frame.picture = None
    with pytest.raises(AttributeError):
        wait_for(lambda: sink.write(broken) is not None)
    sink.close()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([(96, 64)], (96, 64), id="one is not enlarged"),
        pytest.param([(96, 64)] * 2, (192, 64), id="two"),
        pytest.param([(96, 64)] * 4, (192, 128), id="four"),
        pytest.param([(96, 64), (32, 100)], (192, 100), id="different sizes"),
        pytest.param([(1920, 1080)], (400, 225), id="shrunk to the screen"),
        pytest.param([(1000, 10)] * 9, (399, 3), id="nine"),
    ],
)
def test_grid(sizes, expected):
    pictures = [np.full((h, w, 3), 200, np.uint8) for w, h in sizes]
    made = grid(pictures, 400, 300)
    assert made.shape[1::-1] == expected
    assert (made == 200).any()

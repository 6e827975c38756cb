"""A live window, by the standard library's tkinter."""

from __future__ import annotations

import contextlib
import gc
import math
import signal
import threading
import time
from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np

from sightline.errors import SinkError
from sightline.imaging.drawing import Annotator, FrameRate
from sightline.types import Observation, OutputRequest, Pixels, StreamInfo

_REFRESH_MS = 15  # pause between two looks for a new picture
_OPENING_S = 10.0
_SHARE_OF_SCREEN = 0.9


def interrupt() -> None:
    """Stop the program as Ctrl-C does: KeyboardInterrupt in the main thread."""
    main = threading.main_thread().ident
    assert main is not None
    # A signal also wakes a main thread that waits for a lock, which interrupt_main() does not.
    signal.pthread_kill(main, signal.SIGINT)


class WindowSink:
    """Shows the newest frame of each stream, several of them as a grid.

    Args:
        title: of the window.
        show_fps: draw the rate at which frames arrive here.
        on_close: called once, in the window's thread, when the user closes the window or presses
            ``q`` or Escape; by default it stops the program as Ctrl-C does.

    ``write`` only notes the frame: pictures are drawn in the window's own thread, at the pace that
    the screen allows, and frames in between are not shown. After the user closed the window,
    ``write`` does nothing. Safe to share between streams; one window per process.
    """

    def __init__(
        self,
        title: str = "Sightline",
        *,
        show_fps: bool = True,
        on_close: Callable[[], None] = interrupt,
    ) -> None:
        self._title = title
        self._show_fps = show_fps
        self._on_close = on_close
        self._lock = threading.Lock()
        self._views: dict[str, _View] = {}
        self._stills: _View | None = None
        self._thread: threading.Thread | None = None
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._failure: BaseException | None = None

    def open(self, stream: StreamInfo) -> None:
        """Open the window with the first stream. Raises SinkError where there is no display."""
        with self._lock:
            view = _View(stream, FrameRate() if self._show_fps and not stream.still else None)
            self._views[stream.name] = view
            if stream.still:
                self._stills = view
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="window", daemon=True)
                self._thread.start()
                if not self._opened.wait(_OPENING_S):
                    raise SinkError("cannot open a window: the display does not answer")
        self._raise_failure()

    def write(self, observation: Observation) -> None:
        """Show one frame soon. Raises SinkError when the window failed."""
        self._raise_failure()
        name = observation.frame.stream
        # A frame of a still stream carries its picture's name.
        view = self._views.get(name, self._stills)
        if view is None:
            raise SinkError(f"cannot show {name}: it was not opened")
        view.show(observation)

    def close(self) -> None:
        """Close the window. Idempotent."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            self._show_window()
        except BaseException as failure:  # noqa: BLE001 - handed to open, write or close
            self._failure = failure
        finally:
            self._closing.set()
            self._opened.set()
            # Tk must be freed by the thread that made it, so nothing of it may be left to others.
            gc.collect()

    def _show_window(self) -> None:
        """Make the window and keep it up to date until it is closed: all of Tk is in here."""
        tk = _tkinter()
        try:
            root = tk.Tk()
        except tk.TclError as error:
            raise SinkError("no display: set DISPLAY or use --output") from error
        asked, problem = False, ""

        def ask(_event: object = None) -> None:
            nonlocal asked
            asked = True

        try:
            root.title(self._title)
            root.configure(background="black")
            photo = tk.PhotoImage(master=root)
            tk.Label(root, image=photo, borderwidth=0, background="black").pack()
            root.protocol("WM_DELETE_WINDOW", ask)
            for key in ("q", "<Escape>"):
                root.bind(key, ask)
            most = (
                int(root.winfo_screenwidth() * _SHARE_OF_SCREEN),
                int(root.winfo_screenheight() * _SHARE_OF_SCREEN),
            )
            root.update()
            self._opened.set()
            shown: list[int] = []
            while not (asked or self._closing.is_set()):
                views = list(self._views.values())
                newest = [view.count for view in views]
                if newest != shown:
                    shown = newest
                    photo.configure(data=_ppm(grid([view.picture() for view in views], *most)))
                root.update()
                time.sleep(_REFRESH_MS / 1000)
        except tk.TclError as error:
            problem = str(error)
        finally:
            with contextlib.suppress(tk.TclError):  # the display may be gone
                root.destroy()
            # A traceback that is handed to another thread must not keep Tk's objects alive.
            del root, photo
        if problem:
            raise SinkError(f"the window is gone: {problem}")
        if asked and not self._closing.is_set():
            self._closing.set()
            self._on_close()


def _tkinter() -> ModuleType:
    """The module. Raises SinkError where this Python was made without it."""
    try:
        import tkinter as tk
    except ImportError as error:
        raise SinkError(
            "cannot open a window: this Python has no tkinter (Debian: apt-get install "
            "python3-tk); use --output instead"
        ) from error
    return tk


class _View:
    """The newest frame of one stream."""

    def __init__(self, stream: StreamInfo, rate: FrameRate | None) -> None:
        self._annotator = Annotator(traces=not stream.still)
        self._rate = rate
        self._newest: tuple[Observation, float | None] | None = None
        self._drawn: tuple[int, Pixels] = (0, np.zeros((stream.height, stream.width, 3), np.uint8))
        self.count = 0

    def show(self, observation: Observation) -> None:
        """Take the newest observation; it is drawn when the window asks for it."""
        self._newest = observation, self._rate.tick() if self._rate else None
        self.count += 1

    def picture(self) -> Pixels:
        """The newest frame with what was found drawn on it; black before the first."""
        count, newest = self.count, self._newest
        if newest is not None and self._drawn[0] != count:
            self._drawn = count, self._annotator.annotate(*newest)
        return self._drawn[1]


def grid(pictures: list[Pixels], width: int, height: int) -> Pixels:
    """Pictures side by side in at most ``width`` x ``height`` pixels; one alone is not enlarged.

    Tiles are as large as the largest picture, shrunk alike; smaller ones stand in the middle.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    tile_w = max(picture.shape[1] for picture in pictures)
    tile_h = max(picture.shape[0] for picture in pictures)
    scale = min(1.0, width / (columns * tile_w), height / (rows * tile_h))
    tile_w, tile_h = max(1, int(tile_w * scale)), max(1, int(tile_h * scale))
    canvas = np.zeros((rows * tile_h, columns * tile_w, 3), np.uint8)
    for number, picture in enumerate(pictures):
        tile = _fitted(picture, tile_w, tile_h)
        h, w = tile.shape[:2]
        top = number // columns * tile_h + (tile_h - h) // 2
        left = number % columns * tile_w + (tile_w - w) // 2
        canvas[top : top + h, left : left + w] = tile
    return canvas


def _fitted(picture: Pixels, width: int, height: int) -> Pixels:
    h, w = picture.shape[:2]
    fit = min(width / w, height / h)
    if fit >= 1.0:
        return picture
    size = max(1, int(w * fit)), max(1, int(h * fit))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _ppm(picture: Pixels) -> bytes:
    """A BGR picture as a binary PPM file, which Tk reads without any other library."""
    height, width = picture.shape[:2]
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return b"P6 %d %d 255\n" % (width, height) + bytes(rgb.data)


def for_output(_request: OutputRequest) -> WindowSink:
    """The sink of one output: all streams in one window."""
    return WindowSink("Sightline")

"""``street://``: the synthetic street as a source of frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from sightline.errors import SourceError
from sightline.sources.pictures import ArrayPicture
from sightline.sources.street.drawing.render import Renderer
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.truth import StreetTruth
from sightline.sources.street.world import World
from sightline.types import Frame, Pixels, SourceState, SourceStatus, StreamInfo


class StreetPicture(ArrayPicture):
    """A rendered picture that knows what is in it."""

    def __init__(self, image: Pixels, truth: StreetTruth) -> None:
        super().__init__(image)
        self.truth = truth


def truth_of(frame: Frame) -> StreetTruth:
    """The truth of a street's frame. Raises SourceError where the frame is of another source."""
    if not isinstance(frame.picture, StreetPicture):
        raise SourceError(f"{frame.stream}: only frames of a street:// source know their truth")
    return frame.picture.truth


class StreetSource:
    """A street scene as a ``Source``.

    Args:
        options: options, or the ``street://`` URL that spells them.
        name: name of the stream; the URL where it is None.

    Raises:
        ConfigError: the URL is wrong.
    """

    def __init__(self, options: StreetOptions | str, name: str | None = None) -> None:
        given = StreetOptions.from_url(options) if isinstance(options, str) else options
        self.options = given.resolved()
        self._name = name or given.url()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._state = SourceState.CONNECTING
        self._iterated = False
        self._handed = 0
        self._stale = 0

    def open(self) -> StreamInfo:
        """Say what it is; nothing is rendered yet. Raises SourceError once it is closed."""
        with self._lock:
            if self._state is SourceState.ENDED:
                raise SourceError(f"{self._name} is {self._state}: make a new StreetSource")
            self._state = SourceState.RUNNING
        options = self.options
        return StreamInfo(
            self._name, options.width, options.height, options.fps, options.frames, options.live
        )

    def __iter__(self) -> Iterator[Frame]:
        """Render frame after frame. A live street drops those that nobody took in time.

        Raises:
            SourceError: it is closed, or was read already.
        """
        self.open()
        if self._iterated:
            raise SourceError(f"{self._name} was read already: make a new StreetSource")
        self._iterated = True
        options = self.options
        renderer = Renderer(options)
        world = World(options, renderer.street)
        started = time.monotonic()
        number = 0
        while not self._closed.is_set() and (options.frames is None or number < options.frames):
            at = number / options.fps
            if options.live:
                late = time.monotonic() - started - at
                if late > 1 / options.fps:
                    self._stale += 1
                    number += 1
                    world.advance(1 / options.fps)
                    continue
                if self._closed.wait(max(0.0, -late)):
                    break
            if not (options.frozen and number):
                image, truth = renderer.frame(world)
            self._handed += 1
            frame = Frame(self._name, number, at, time.monotonic(), StreetPicture(image, truth))
            if options.live:
                frame.utc, frame.clock = time.time(), "arrival"
            yield frame
            number += 1
            world.advance(1 / options.fps)
        self.close()

    @property
    def status(self) -> SourceStatus:
        """Frames handed on, and ``stale`` ones that came too late."""
        dropped = {"stale": self._stale} if self._stale else {}
        return SourceStatus(self._state, self._handed + self._stale, dropped)

    def close(self) -> None:
        """An iteration in another thread ends with the frame that it has. Idempotent."""
        with self._lock:
            self._state = SourceState.ENDED
        self._closed.set()

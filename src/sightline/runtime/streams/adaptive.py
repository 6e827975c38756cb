"""How much of a stream is analysed, so that results stay fresh under any load.

A ladder of levels leads from everything (each frame, largest input) down to the least that the user
allows. A stream goes down when its results come too late or too seldom, and up again when there is
room; the wait before going up doubles each time that it went wrong (hysteresis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sightline.config import AdaptiveOptions

PERIOD_S = 1.0
"""A level is judged by what happened in so many seconds."""
_PATIENCE_DOWN = 2
_PATIENCE_UP = 5
_LONGEST_PATIENCE = 60
_ROOMY = 0.5
"""There is room where ages are below this part of what is allowed."""


@dataclass(frozen=True, slots=True)
class Level:
    """Every ``every``-th frame is analysed, with the input of number ``size``."""

    size: int
    every: int


def ladder(sizes: int, max_skip: int) -> tuple[Level, ...]:
    """All levels, best first: smaller pictures before fewer of them."""
    smaller = [Level(size, 1) for size in range(max(1, sizes))]
    return (*smaller, *(Level(smaller[-1].size, every) for every in range(2, max_skip + 1)))


class Controller:
    """Chooses the level of one stream. Told once a period how it went.

    Args:
        options: what the user wants and allows.
        levels: see ``ladder``.
    """

    def __init__(self, options: AdaptiveOptions, levels: Sequence[Level]) -> None:
        self._options = options
        self._levels = levels
        self._number = 0
        self._bad = self._good = 0
        self._patience = _PATIENCE_UP
        self._since_up: int | None = None

    @property
    def number(self) -> int:
        """The level's place in the ladder; 0 is best."""
        return self._number

    @property
    def level(self) -> Level:
        """The level that the stream is on."""
        return self._levels[self._number]

    def judge(self, *, age_p99_ms: float, fps: float, lost: bool) -> None:
        """One period is over.

        Args:
            age_p99_ms: of the frames analysed in it.
            fps: frames analysed a second, of those that were to be analysed.
            lost: frames were dropped because nobody could take them in time.
        """
        options = self._options
        late = age_p99_ms > options.max_latency_ms
        behind = options.target_fps is not None and fps < 0.9 * options.target_fps and lost
        roomy = not lost and age_p99_ms < _ROOMY * options.max_latency_ms
        self._bad = self._bad + 1 if late or behind or (lost and not options.target_fps) else 0
        self._good = self._good + 1 if roomy else 0
        if self._since_up is not None:
            self._since_up += 1
        if self._bad >= _PATIENCE_DOWN:
            self._down()
        elif self._good >= self._patience:
            self._up()

    def _down(self) -> None:
        self._bad = self._good = 0
        if self._number + 1 >= len(self._levels):
            return
        if self._since_up is not None and self._since_up <= 2 * _PATIENCE_UP:
            self._patience = min(_LONGEST_PATIENCE, 2 * self._patience)
        self._since_up = None
        self._number += 1

    def _up(self) -> None:
        self._bad = self._good = 0
        if self._number == 0:
            return
        if self._since_up is not None:  # the last step up went well
            self._patience = _PATIENCE_UP
        self._number -= 1
        self._since_up = 0

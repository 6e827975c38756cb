"""What a decoder says when outputs look like those of a family that has the same shapes."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Hint:
    """Logs its text as a warning, the first time that it is given."""

    def __init__(self, text: str) -> None:
        self._text: str | None = text

    def give(self) -> None:
        """Log the hint, once."""
        text, self._text = self._text, None
        if text is not None:
            log.warning(text)

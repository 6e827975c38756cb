"""What engines around another engine share."""

from __future__ import annotations

from sightline.protocols import Engine
from sightline.types import EngineInfo


class EngineWrapper:
    """An ``Engine`` around another, which it closes; a subclass adds ``submit``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def info(self) -> EngineInfo:
        """The wrapped engine's."""
        return self.engine.info

    def close(self) -> None:
        """Close the wrapped engine."""
        self.engine.close()

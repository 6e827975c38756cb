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
        return self.engine.info

    def close(self) -> None:
        self.engine.close()

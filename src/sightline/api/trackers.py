"""Trackers that need a model, by its file or name."""

from __future__ import annotations

import os
from os import PathLike, fspath
from typing import Any

from sightline import build
from sightline.config import ModelOptions, checked
from sightline.protocols import Embedder
from sightline.tracking import deepsort


class DeepSORT(deepsort.DeepSORTTracker):
    """The tracker DeepSORT with an embedder by its file or name.

        tracker = sl.DeepSORT("reid.onnx")
        for frame in frames:
            tracked = tracker.update(model.detect(frame), frame)

    Args:
        embedder: the file of an embedder, or the name of a bundled or pulled one (``street-embedder``,
            for the synthetic street), which is freed by ``close``; an ``Embedder``, which stays the
            caller's to close; or None, for detections that have ``embeddings`` already.
        options: those of ``sightline.tracking.deepsort.DeepSORTTracker``.

    Raises what loading the embedder raises; ConfigError: an option is out of its range.
    """

    def __init__(
        self, embedder: str | PathLike[str] | Embedder | None = None, **options: Any
    ) -> None:
        from sightline.models import zoo

        self._own: Embedder | None = None
        if isinstance(embedder, (str, PathLike)):
            folder = zoo.default_folder(os.environ)
            named = checked(ModelOptions, model=fspath(embedder), models_dir=folder)
            embedder = self._own = build.embedder(named)
        super().__init__(embedder, **options)

    def close(self) -> None:
        """Free the embedder, where it was loaded here. Idempotent."""
        if self._own is not None:
            self._own.close()

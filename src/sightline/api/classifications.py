"""Name what whole pictures show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from os import fspath
from pathlib import Path

from sightline import build
from sightline.api.source import source_of
from sightline.build.source_checks import SourceLike, check_source
from sightline.config import ClassifyParameters, EngineOptions, ModelOptions, checked
from sightline.types import Classification


def classify(
    source: SourceLike,
    model: str | Path,
    *,
    top: int = 5,
    conf: float = 0.0,
    every: int = 1,
    backend: str = "auto",
    device: str = "auto",
    models_dir: Path | None = None,
) -> Iterator[Classification]:
    """Name what whole pictures show, in order. Objects of a video are named by ``track`` with ``Classify``.

    Args:
        source: as for ``track``.
        model: a classifier: a file, or the name of one.
        top: names of each attribute, the likeliest first.
        conf: lowest score of a name.
        every: only each ``every``-th frame is looked at.
        backend, device, models_dir: as for ``load``.

    Raises:
        ConfigError: at once where ``source`` is none.
        SightlineError: the first failure, after the answers of all frames before it.
    """
    check_source(source)
    wanted = checked(ClassifyParameters, top=top, conf=conf, every=every)
    use = checked(
        ModelOptions,
        model=fspath(model),
        backend=backend,
        engine=checked(EngineOptions, device=device),
        models_dir=models_dir,
    )
    return _classifications(source, use, wanted)


def _classifications(
    source: SourceLike, use: ModelOptions, wanted: ClassifyParameters
) -> Iterator[Classification]:
    from sightline.models import zoo
    from sightline.runtime.classification import classify_frames

    folder = use.models_dir or zoo.default_folder(os.environ)
    opened = source_of(source)
    with closing(
        build.classifier(use.model_copy(update={"models_dir": folder}), stills=opened.open().still)
    ) as classifier:
        chosen = classifier.replaced(conf=wanted.conf, top=wanted.top)
        yield from classify_frames(opened, chosen, wanted.every)

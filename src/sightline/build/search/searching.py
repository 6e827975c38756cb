"""What searches a database by looks: its vectors, and the embedder that made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sightline.build.crop_models import embedder
from sightline.build.models import suited_embedder
from sightline.config import ModelOptions
from sightline.errors import ConfigError, SightlineError
from sightline.protocols import Detector

if TYPE_CHECKING:
    from sightline.models.embedder import CropEmbedder
    from sightline.runtime.search.searcher import Searcher

DEFAULT_EMBEDDER = "colours"
"""Comes with the package: colours tell more of objects on real footage than what was trained for the street."""

_MOST_DIGITS = 19
"""Digits of a track's id."""


def indexing_embedder(detector: Detector, named: str | None = None) -> str:
    """The name of the embedder of objects of a detector: as named, or the one that suits it."""
    return named or suited_embedder(detector) or DEFAULT_EMBEDDER


def opened(
    database: str,
    model: str | None = None,
    kind: str = "auto",
    models_dir: Path | None = None,
    *,
    with_model: bool = True,
    given: CropEmbedder | None = None,
) -> tuple[Searcher, CropEmbedder | None]:
    """A database to search, and the embedder that its vectors were made with.

    Args:
        database: a file or an address.
        model: of the embedder; None: the one that the database names.
        kind: of the index: ``auto``, ``exact`` or ``usearch``.
        models_dir: folder of pulled models.
        with_model: whether the embedder is wanted; it is loaded anyway where ``model`` is given.
        given: an embedder that is loaded already; it stays its owner's where this fails.

    Raises:
        ConfigError: there is no such database, or it was indexed with another embedder.
        SightlineError: the embedder cannot be used.
    """
    from sightline.runtime.search.following import IndexKind
    from sightline.runtime.search.searcher import Searcher

    chosen: IndexKind | None = next((one for one in get_args(IndexKind) if one == kind), None)
    if chosen is None:
        raise ConfigError(f"index: it is {', '.join(get_args(IndexKind))}, not {kind!r}")
    if given is not None:
        return Searcher(database, given.info, chosen), given
    named = None if model is None else embedder(ModelOptions(model=model, models_dir=models_dir))
    try:
        searcher = Searcher(database, named.info if named else None, chosen)
    except BaseException:  # re-raised once the model is closed
        if named is not None:
            named.close()
        raise
    if named is not None or not with_model:
        return searcher, named
    try:
        return searcher, _named(searcher, models_dir)
    except BaseException:  # as above
        searcher.close()
        raise


def _named(searcher: Searcher, models_dir: Path | None) -> CropEmbedder:
    """The embedder that a database names. Raises ConfigError: it is another one by now, or not there."""
    wanted = searcher.embedder
    try:
        found = embedder(ModelOptions(model=wanted.name, models_dir=models_dir))
    except SightlineError as exc:
        raise ConfigError(
            f"{searcher.stored.name} was indexed with {wanted}, which cannot be loaded: {exc}. Give its file "
            "(--embedder)"
        ) from exc
    if found.info.digest != wanted.digest:
        found.close()
        raise ConfigError(
            f"{searcher.stored.name} was indexed with {wanted}, and {wanted.name} is another model by now (SHA-256 "
            f"{found.info.digest[:12]}…): give the file of the first (--embedder), or index again"
        )
    return found


def track_of(text: str) -> tuple[str, int]:
    """The stream and the id that ``STREAM:ID`` means. Raises ConfigError."""
    stream, _, number = text.rpartition(":")
    if not stream or not number.isdecimal() or len(number) > _MOST_DIGITS:
        raise ConfigError(f"--track: it is STREAM:ID, such as gate:17, not {text!r}")
    return stream, int(number)

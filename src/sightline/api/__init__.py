"""The Python interface: load a model, detect in pictures, track in anything that moves."""

from typing import TYPE_CHECKING, Any

from sightline.api.classifications import classify
from sightline.api.composites import Ensemble, Tiled
from sightline.api.model import Model, Service, load, track
from sightline.api.search import SearchIndex

if TYPE_CHECKING:
    from sightline.api.trackers import DeepSORT

__all__ = [
    "DeepSORT",
    "Ensemble",
    "Model",
    "SearchIndex",
    "Service",
    "Tiled",
    "classify",
    "load",
    "track",
]


def __getattr__(name: str) -> Any:
    """DeepSORT is imported when it is used: SciPy, which all trackers need, takes a third of a second."""
    if name == "DeepSORT":
        from sightline.api import trackers

        return trackers.DeepSORT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

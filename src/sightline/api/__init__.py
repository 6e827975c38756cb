"""The Python interface: load a model, detect in pictures, track in anything that moves."""

from sightline.api.classifications import classify
from sightline.api.composites import Ensemble, Tiled
from sightline.api.model import Model, Service, load, track
from sightline.api.trackers import DeepSORT

__all__ = ["DeepSORT", "Ensemble", "Model", "Service", "Tiled", "classify", "load", "track"]

"""The Python interface: load a model, detect in pictures, track in anything that moves."""

from sightline.api.classifications import classify
from sightline.api.model import Model, Service, load, track
from sightline.api.trackers import DeepSORT

__all__ = ["DeepSORT", "Model", "Service", "classify", "load", "track"]

"""The Python interface: load a model, detect in pictures, track in anything that moves."""

from sightline.api.classifications import classify
from sightline.api.model import Model, Service, load, track

__all__ = ["Model", "Service", "classify", "load", "track"]

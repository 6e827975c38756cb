"""Classifiers and embedders alike: models that are shown one object, or one whole picture, at a time."""

from __future__ import annotations

from typing import TypeAlias

from sightline.models.classifier import CropClassifier
from sightline.models.embedder import CropEmbedder

CropModel: TypeAlias = CropClassifier | CropEmbedder

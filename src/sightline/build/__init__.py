"""From options to objects: the only package that knows all interchangeable parts."""

from sightline.build.backends import pick_backend, runs_here
from sightline.build.crop_models import classifier, embedder
from sightline.build.model_files import PEOPLE, located, model_path
from sightline.build.models import (
    build_engine,
    decoders,
    detector,
    for_tracking,
)
from sightline.build.outputs import Outputs, outputs
from sightline.build.pipeline import pipeline
from sightline.build.search.searching import DEFAULT_EMBEDDER, indexing_embedder, opened
from sightline.build.sources import (
    LIVE,
    SourceInput,
    dated,
    few_pictures,
    inputs,
    pictures,
    source_kind,
    warn_untracked,
)
from sightline.build.stages import StageModels, stages
from sightline.tables import BUNDLED, DECODERS, ENGINES, SOURCES, load

__all__ = [
    "BUNDLED",
    "DECODERS",
    "DEFAULT_EMBEDDER",
    "ENGINES",
    "LIVE",
    "PEOPLE",
    "SOURCES",
    "Outputs",
    "SourceInput",
    "StageModels",
    "build_engine",
    "classifier",
    "dated",
    "decoders",
    "detector",
    "embedder",
    "few_pictures",
    "for_tracking",
    "indexing_embedder",
    "inputs",
    "load",
    "located",
    "model_path",
    "opened",
    "outputs",
    "pick_backend",
    "pictures",
    "pipeline",
    "runs_here",
    "source_kind",
    "stages",
    "warn_untracked",
]

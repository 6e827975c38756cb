"""Options as values: frozen models that are read once, at the edge, and passed down."""

from __future__ import annotations

from sightline.config.composites import (
    EnsembleModelOptions,
    FusionOptions,
    MemberOptions,
    SharedModelOptions,
    TiledModelOptions,
    TileOptions,
)
from sightline.config.configuration import Configuration
from sightline.config.engine import EngineOptions
from sightline.config.live import LiveOptions
from sightline.config.model import (
    MODEL_SUFFIXES,
    ClassifyParameters,
    ClassNames,
    DetectParameters,
    ModelOptions,
    ReplicaOptions,
    ServedModelOptions,
    SizeOption,
)
from sightline.config.monitoring.alerts import AlertOptions
from sightline.config.monitoring.collect import (
    HARD_FRAME_KINDS,
    CollectFramesOptions,
    HardFrameKind,
)
from sightline.config.monitoring.drift import DriftOptions
from sightline.config.monitoring.estimate import FEWEST_LOOKS, EstimateAccuracyOptions
from sightline.config.monitoring.history import HistoryOptions
from sightline.config.monitoring.mail import MailOptions
from sightline.config.options import Name, Options, checked
from sightline.config.outputs import OutputOptions
from sightline.config.rollout import (
    SPLIT_KEY,
    CanaryOptions,
    ComparedOptions,
    RolloutKind,
    RolloutOptions,
    ShadowOptions,
    SplitOptions,
)
from sightline.config.scheduler import Priority, SchedulerOptions
from sightline.config.serving import LimitOptions, ServingOptions, is_loopback
from sightline.config.stages import (
    Classify,
    ClassifyOptions,
    Detect,
    DetectOptions,
    Embed,
    EmbedOptions,
    Segment,
    SegmentOptions,
    StageOptions,
    stage_options,
)
from sightline.config.stream import AdaptiveOptions, DetectionOptions, Moment, StreamOptions, moment
from sightline.config.tracker import (
    ByteTrackOptions,
    TrackerKind,
    TrackerOptions,
    TrackParameters,
    embedder_of,
)

__all__ = [
    "FEWEST_LOOKS",
    "HARD_FRAME_KINDS",
    "MODEL_SUFFIXES",
    "SPLIT_KEY",
    "AdaptiveOptions",
    "AlertOptions",
    "ByteTrackOptions",
    "CanaryOptions",
    "ClassNames",
    "Classify",
    "ClassifyOptions",
    "ClassifyParameters",
    "CollectFramesOptions",
    "ComparedOptions",
    "Configuration",
    "Detect",
    "DetectOptions",
    "DetectParameters",
    "DetectionOptions",
    "DriftOptions",
    "Embed",
    "EmbedOptions",
    "EngineOptions",
    "EnsembleModelOptions",
    "EstimateAccuracyOptions",
    "FusionOptions",
    "HardFrameKind",
    "HistoryOptions",
    "LimitOptions",
    "LiveOptions",
    "MailOptions",
    "MemberOptions",
    "ModelOptions",
    "Moment",
    "Name",
    "Options",
    "OutputOptions",
    "Priority",
    "ReplicaOptions",
    "RolloutKind",
    "RolloutOptions",
    "SchedulerOptions",
    "Segment",
    "SegmentOptions",
    "ServedModelOptions",
    "ServingOptions",
    "ShadowOptions",
    "SharedModelOptions",
    "SizeOption",
    "SplitOptions",
    "StageOptions",
    "StreamOptions",
    "TileOptions",
    "TiledModelOptions",
    "TrackParameters",
    "TrackerKind",
    "TrackerOptions",
    "checked",
    "embedder_of",
    "is_loopback",
    "moment",
    "stage_options",
]

"""The words of Sightline: what travels from a source to the sinks.

A stage never reaches back into the one before it, so everything that a later stage needs is in
the object that is handed on.
"""

from __future__ import annotations

from sightline.types.arrays import (
    MOST_CLASSES,
    Array,
    ChannelOrder,
    Clock,
    Floats,
    Ints,
    JsonObject,
    Mask,
    Pixels,
    RunState,
)
from sightline.types.detections import Detection, Detections
from sightline.types.embeddings import EmbedderInfo, Embedding, Match
from sightline.types.frames import Frame
from sightline.types.models import (
    Certainty,
    DetectionTask,
    EngineInfo,
    Fit,
    Normalization,
    TensorSpec,
)
from sightline.types.objects import DetectedFrame, DetectedObjects, Label
from sightline.types.observations import Classification, Event, Observation
from sightline.types.outputs import OutputRequest, OutputStream
from sightline.types.pictures import GreyScaled, Picture, YuvPlanes
from sightline.types.rollouts import ClassFigures, ModelFigures, RolloutReason, RolloutStats
from sightline.types.shapes.masks import Masks
from sightline.types.statistics import (
    OUTCOMES,
    PRIORITIES,
    AccuracyStatus,
    DriftStatus,
    EngineState,
    FallbackStatus,
    HardFrameStatus,
    ModelStats,
    ReplicaStatus,
    SchedulerStats,
    StreamStats,
)
from sightline.types.streams import IndexedFile, SourceState, SourceStatus, StreamInfo

__all__ = [
    "MOST_CLASSES",
    "OUTCOMES",
    "PRIORITIES",
    "AccuracyStatus",
    "Array",
    "Certainty",
    "ChannelOrder",
    "ClassFigures",
    "Classification",
    "Clock",
    "DetectedFrame",
    "DetectedObjects",
    "Detection",
    "DetectionTask",
    "Detections",
    "DriftStatus",
    "EmbedderInfo",
    "Embedding",
    "EngineInfo",
    "EngineState",
    "Event",
    "FallbackStatus",
    "Fit",
    "Floats",
    "Frame",
    "GreyScaled",
    "HardFrameStatus",
    "IndexedFile",
    "Ints",
    "JsonObject",
    "Label",
    "Mask",
    "Masks",
    "Match",
    "ModelFigures",
    "ModelStats",
    "Normalization",
    "Observation",
    "OutputRequest",
    "OutputStream",
    "Picture",
    "Pixels",
    "ReplicaStatus",
    "RolloutReason",
    "RolloutStats",
    "RunState",
    "SchedulerStats",
    "SourceState",
    "SourceStatus",
    "StreamInfo",
    "StreamStats",
    "TensorSpec",
    "YuvPlanes",
]

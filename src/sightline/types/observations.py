"""What sinks see of one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.types.arrays import Pixels
from sightline.types.detections import Detections
from sightline.types.embeddings import Embedding
from sightline.types.frames import Frame, default_place, file_of
from sightline.types.objects import Label
from sightline.vocabulary.other_names import attribute_error

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a stream; ``time`` is stream time in seconds.

    Its wall-clock time follows from the frame that it is written with: see ``Frame.utc_at``.
    """

    kind: str
    time: float
    stream: str
    track_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Classification:
    """What a classifier says of a whole picture: ``labels``, the likeliest of each attribute first."""

    frame: Frame
    labels: tuple[Label, ...]

    def __str__(self) -> str:
        """``bus.jpg: minibus 0.83, trolleybus 0.07``, with the attributes where there are several."""
        found: dict[str, list[str]] = {}
        for label in self.labels:
            found.setdefault(label.attribute, []).append(f"{label.value} {label.score:.2f}")
        told = "; ".join(
            f"{attribute} {', '.join(values)}" if len(found) > 1 else ", ".join(values)
            for attribute, values in found.items()
        )
        return f"{self.frame.stream}: {told or 'nothing that is likely enough'}"

    def __repr__(self) -> str:
        return f"<Classification: {self}>"


@dataclass(frozen=True, slots=True, repr=False)
class Observation:
    """What stages add to and sinks see: one frame and what is known of it.

    ``labels`` are keyed by track id. ``predicted`` frames were not analysed: the tracker says where
    its objects are by now. ``missing`` names the stages whose part is not there, and why:
    ``{"detect": "skipped"}``. The reasons are those of ``StreamStats.dropped``, and ``late``.
    ``embeddings`` are those that came since the observation before, of this frame or of an earlier one.
    """

    frame: Frame
    detections: Detections
    labels: Mapping[int, tuple[Label, ...]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    predicted: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    embeddings: tuple[Embedding, ...] = ()

    @property
    def skipped(self) -> str | None:
        """Why nothing was detected in this frame, or None: it was analysed."""
        return self.missing.get("detect")

    def without(self, stage: str, reason: str) -> Observation:
        """The same, saying why a stage's part is missing."""
        return replace(self, missing={**self.missing, stage: reason})

    def __str__(self) -> str:
        """``frame 12 at 0.48 s: 3 objects: 2 person, 1 car (640×480, street)``."""
        from sightline.imaging.display import summary

        told = f"frame {self.frame.index} at {self.frame.time:.2f} s"
        return f"{told}{' (predicted)' * self.predicted}: {summary(self.detections, self.frame)}"

    def __repr__(self) -> str:
        return f"<Observation: {self}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, "Observation", name)

    def plot(self) -> Pixels:
        """A copy of the picture with what was found, (height, width, 3) uint8, BGR.

        Of predicted boxes the corners are drawn. Raises SinkError: supervision is not installed.
        """
        from sightline.imaging.drawing import annotate

        return annotate(self.frame.image, self.detections, self.labels, predicted=self.predicted)

    def save(self, path: str | Path | None = None) -> Path:
        """Write the picture of ``plot`` to a file.

        Args:
            path: .jpg, .png, .webp, .bmp or .tif; ``STREAM-000012-annotated.jpg`` in the current
                folder where it is None, or in a folder that is given. As for ``Detections``.

        Returns the file. Raises SinkError.
        """
        from sightline.imaging.picture_files import save_picture

        place = default_place(self.frame, self.frame, path, "-annotated")
        return save_picture(place, self.plot(), file_of(self.frame))

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture and a table of the objects."""
        from sightline.imaging.display import as_html

        return as_html(self.detections, self.plot)

    def to_pandas(self) -> pd.DataFrame:
        """A table of the objects with the columns of the CSV output, as of ``Detections``.

        ``utc`` is a datetime with its zone, ``predicted`` a bool. Raises MissingPackage: pandas is not
        installed.
        """
        from sightline.imaging.display import data_frame

        return data_frame(self.detections, self.frame, self.predicted, self.labels)

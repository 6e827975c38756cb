"""What objects look like, as vectors to search by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sightline.types.arrays import Clock, Floats
from sightline.wall_time import utc_text


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """Which embedder made a vector. Vectors of two embedders cannot be compared.

    Args:
        name: what the user called it: a model's name or file.
        digest: SHA-256 of the model's files, hexadecimal: what tells embedders apart.
        dimensions: length of the vectors.
    """

    name: str
    digest: str
    dimensions: int

    def __str__(self) -> str:
        """``street-embedder (128 values, SHA-256 4f0a1b…)``."""
        return f"{self.name} ({self.dimensions} values, SHA-256 {self.digest[:12]}…)"


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What one object of a frame looks like: the best crop of its track so far.

    Args:
        embedder: made the vector.
        frame, time, utc, clock: of the frame that the crop was cut from; see ``Frame``.
        track_id: None of an object in a picture that belongs to no film. A later embedding of the same
            track takes the place of the one before.
        class_name: of the object.
        score: of its detection, 0 to 1.
        box: x1 y1 x2 y2 in pixels of the frame.
        vector: (dimensions,) float32, of length 1.
        quality: how good the crop is, to compare it with others of the track.
        picture: the crop as a small JPEG; empty where none is kept.
    """

    embedder: EmbedderInfo
    frame: int
    time: float
    utc: float | None
    clock: Clock | None
    track_id: int | None
    class_name: str
    score: float
    box: tuple[float, float, float, float]
    vector: Floats
    quality: float
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Match:
    """An object that was found by its looks.

    Args:
        id: of its embedding, in its database.
        similarity: cosine of its vector with the one that was searched for: 1 is the same picture.
        stream: where it was seen; of a picture, its name.
        track_id, class_name, score, box, frame, time, utc: see ``Embedding``.
        path: the file that was indexed, where there is one.
        picture: its crop as a small JPEG; empty where none was kept.
    """

    id: int
    similarity: float
    stream: str
    track_id: int | None
    class_name: str
    score: float
    box: tuple[float, float, float, float]
    frame: int
    time: float
    utc: float | None = None
    path: str | None = None
    picture: bytes = field(default=b"", repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What stands in JSON: all but the picture, with the keys of JSON lines."""
        fields: dict[str, object] = {
            "id": self.id,
            "similarity": round(self.similarity, 4),
            "stream": self.stream,
            "frame": self.frame,
            "time": round(self.time, 3),
            "class": self.class_name,
            "score": round(self.score, 4),
            "box": [round(side, 2) for side in self.box],
        }
        if self.utc is not None:
            fields["utc"] = utc_text(self.utc)
        if self.track_id is not None:
            fields["track_id"] = self.track_id
        if self.path is not None:
            fields["path"] = self.path
        return fields

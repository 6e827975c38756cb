"""What requests and answers look like: read from these, and shown in OpenAPI."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sightline.config import Name, Priority, StreamOptions

PictureFormat = Literal["json", "jpeg", "png"]


class PictureParameters(BaseModel):
    """Which model looks at a request's pictures, and until when. What is None is the service's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Name = Field("default", description="a name of GET /models")
    priority: Priority | None = Field(None, description="normal; of a batch: batch")
    timeout_ms: float | None = Field(
        None, gt=0, le=600_000, description="a later answer is of no use: 504"
    )


class PredictParameters(PictureParameters):
    """How a request wants objects found. What is None is the model's or service's own."""

    conf: float | None = Field(None, ge=0, le=1, description="lowest score of an object")
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    classes: list[str] | None = Field(
        None,
        max_length=100,
        fail_fast=True,
        description="names of the only classes wanted; commas part them",
    )
    format: PictureFormat = Field("json", description="or the picture with the objects drawn on it")

    @field_validator("classes", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> Any:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            return value
        return [name.strip() for part in value for name in part.split(",") if name.strip()]


class ClassifyRequest(PictureParameters):
    """How a request wants a whole picture named."""

    model: Name = Field("default", description="one of `classifiers` of GET /models")
    top: int = Field(5, ge=1, le=1000, description="names of each attribute, the likeliest first")
    conf: float = Field(0.0, ge=0, le=1, description="lowest score of a name")


class _InJson(BaseModel):
    """A picture in JSON: in base64, or by an address from which the service may fetch."""

    image: str | None = Field(None, description="base64, or a data: URL")
    url: str | None = Field(None, max_length=2048, description="only where the service allows it")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image is None) == (self.url is None):
            raise ValueError("give either `image` or `url`")
        return self


class OnePicture(PredictParameters, _InJson):
    """A picture in JSON, to find objects in."""


class OneToClassify(ClassifyRequest, _InJson):
    """A picture in JSON, to be named."""


class ManyPictures(PredictParameters):
    """Pictures in JSON, in base64."""

    # Else a list of what is no text would be complained of one by one.
    images: list[str] = Field(min_length=1, fail_fast=True, description="base64, or data: URLs")


class FoundMask(BaseModel):
    """The pixels of an object: COCO's packed run lengths."""

    size: tuple[int, int] = Field(description="height and width of the picture")
    counts: str


class FoundObject(BaseModel):
    """One object. What the model does not find (angle, keypoints, mask) is left out."""

    box: tuple[float, float, float, float] = Field(description="x1 y1 x2 y2 in pixels")
    score: float
    class_id: int
    class_: str = Field(alias="class")
    angle: float | None = Field(None, description="radians by which the box is turned, clockwise")
    keypoints: list[tuple[float, float, float]] | None = Field(None, description="x, y, score")
    mask: FoundMask | None = None


class Timing(BaseModel):
    """Where the time went, in milliseconds."""

    queue_ms: float = Field(description="until the picture's turn came")
    total_ms: float = Field(description="from the whole request to the answer")


class PictureAnswer(BaseModel):
    """What was found in one picture."""

    model: str
    width: int
    height: int
    objects: list[FoundObject]
    timing: Timing


class Named(BaseModel):
    """One name of a picture."""

    attribute: str
    value: str
    score: float


class Classified(BaseModel):
    """What one picture shows, the likeliest of each attribute first."""

    model: str
    width: int
    height: int
    labels: list[Named]
    timing: Timing


class Failure(BaseModel):
    """What went wrong, for a program, for a person, and for the log."""

    code: str
    message: str
    id: str


class Failed(BaseModel):
    """Every error looks like this."""

    error: Failure


class FoundInMany(BaseModel):
    """An answer for each picture of a batch, in its order: what was found, or what went wrong."""

    results: list[PictureAnswer | Failed]


class StreamRequest(StreamOptions):
    """A stream that a client adds; its outputs are files below ``serving.outputs_under``."""

    model_config = ConfigDict(defer_build=False)

    name: Name

    def options(self) -> StreamOptions:
        """Without the name."""
        return StreamOptions.model_construct(
            **{name: getattr(self, name) for name in StreamOptions.model_fields}
        )

"""What requests and answers look like: read from these, and shown in OpenAPI."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sightline.config import Moment, Name, Priority, StreamOptions
from sightline.runtime.history.reports import Last

PictureFormat = Literal["json", "jpeg", "png"]


def _by_commas(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return value
    return [name.strip() for part in value for name in part.split(",") if name.strip()]


Names = Annotated[list[str], Field(max_length=100, fail_fast=True), BeforeValidator(_by_commas)]


class RequestParameters(BaseModel):
    """How urgent a request with pictures is. What is None is the service's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    priority: Priority | None = Field(None, description="normal; of a batch: batch")
    timeout_ms: float | None = Field(
        None, gt=0, le=600_000, description="a later answer is of no use: 504"
    )


class PictureParameters(RequestParameters):
    """Which model looks at a request's pictures, and until when."""

    model: Name = Field("default", description="a name of GET /models")


class PredictParameters(PictureParameters):
    """How a request wants objects found. What is None is the model's or service's own."""

    conf: float | None = Field(None, ge=0, le=1, description="lowest score of an object")
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    classes: Names | None = Field(
        None,
        description="names of the only classes wanted; commas part them",
    )
    format: PictureFormat = Field("json", description="or the picture with the objects drawn on it")


class ClassifyRequest(PictureParameters):
    """How a request wants a whole picture named."""

    model: Name = Field("default", description="one of `classifiers` of GET /models")
    top: int = Field(5, ge=1, le=1000, description="names of each attribute, the likeliest first")
    conf: float = Field(0.0, ge=0, le=1, description="lowest score of a name")


def _four(value: object) -> object:
    """A box in an address or a form is a text with commas; in JSON it is a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = value.split(",")
    if value is not None and not (isinstance(value, (list, tuple)) and len(value) == 4):
        raise ValueError("it is x1,y1,x2,y2 in pixels")
    return None if value is None else tuple(value)


class _Narrowed(BaseModel):
    """Which objects are searched."""

    count: int = Field(10, ge=1, le=1000, description="how many are looked for")
    classes: Names | None = Field(None, description="only objects of these; commas part them")
    streams: Names | None = Field(None, description="only those seen there; commas part them")
    after: Moment | None = Field(None, description="only those seen from then on")
    before: Moment | None = Field(None, description="only those seen before then")


class SearchRequest(_Narrowed, RequestParameters):
    """What is looked for in a picture, and among which objects."""

    box: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_four)] = Field(
        None, description="x1,y1,x2,y2 of what is looked for, in pixels; none: the whole picture"
    )


class WantedReport(BaseModel):
    """Which report is wanted: of which time, and of what. What is signed comes with further parameters."""

    model_config = ConfigDict(frozen=True)

    last: Last = Field("day", description="the time up to now, where `after` is not given")
    after: Moment | None = Field(None, description="its beginning")
    before: Moment | None = Field(None, description="its end; now where it is not given")
    streams: Names | None = Field(None, description="only of these; commas part them")
    models: Names | None = Field(None, description="only of these; commas part them")
    format: Literal["html", "json"] | None = Field(
        None, description="a page or JSON; none: as `Accept` says"
    )


class TrackRequest(_Narrowed):
    """A track of a stream, whose like is looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stream: str = Field(max_length=1000, description="its name")
    track_id: int


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


class OneToSearch(SearchRequest, _InJson):
    """A picture in JSON, whose like is looked for."""


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


class SimilarObject(BaseModel):
    """An object that looks like what was looked for."""

    id: int = Field(description="its picture is at GET /search/pictures/{id}, where one was kept")
    similarity: float = Field(description="cosine of the vectors: 1 is the same picture")
    stream: str
    frame: int
    time: float = Field(description="seconds in the stream")
    utc: str | None = None
    class_: str = Field(alias="class")
    score: float
    box: tuple[float, float, float, float] = Field(description="x1 y1 x2 y2 in pixels")
    track_id: int | None = None


class SearchTiming(BaseModel):
    """Where the time went, in milliseconds."""

    queue_ms: float | None = Field(None, description="until the picture's turn came")
    total_ms: float


class SearchAnswer(BaseModel):
    """What was found, the most alike first. What is not known is left out."""

    matches: list[SimilarObject]
    timing: SearchTiming


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

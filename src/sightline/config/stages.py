"""Further models of a stream: what is done with objects after they were detected and tracked."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from sightline.config.model import ClassNames
from sightline.config.options import Options, checked
from sightline.config.paths import PathField

Share = Annotated[float, Field(ge=0, le=1)]
"""Of the width or height of a picture."""


class ClassifyOptions(Options):
    """A classifier that is shown tracked objects. It looks at each a few times, until it is sure."""

    kind: Literal["classify"] = Field("classify", description="what the stage does")
    model: Annotated[str, PathField("model")] = Field(
        description="a name under `models`, of a bundled or pulled model, or a file"
    )
    of: ClassNames = Field(
        (), description="names or ids of the classes whose objects it is shown; none: all"
    )
    min_size: int = Field(16, ge=1, description="shorter side of a box, in pixels, that is shown")
    only_in: tuple[tuple[Share, Share], ...] | None = Field(
        None,
        min_length=3,
        description="corners x, y of a polygon, as shares of the picture: only objects that stand in it are "
        "shown; none: all",
    )
    conf: float | None = Field(
        None, ge=0, le=1, description="lowest score of a label; none: the model's own"
    )
    sure: float = Field(
        0.95,
        gt=0,
        le=1,
        description="an object is looked at no more, unless it grows, once each label has this score",
    )
    again_s: float = Field(
        1.0, gt=0, description="until then an object is looked at again after so long"
    )
    max_looks: int = Field(
        6,
        ge=1,
        description="an object is looked at so often, and again only where it is much larger",
    )


class Classify(ClassifyOptions):
    """A stage of ``track`` that shows tracked objects to a classifier and keeps its labels.

        for seen in sl.track("street.mp4", model, stages=[sl.Classify("colour.onnx", of=["car"])]):
            print(seen.labels)

    Args:
        model: a classifier's file, or the name of a bundled or pulled one (``street-attributes``).
        of: names or ids of the classes whose objects it is shown; none: all.
        conf: lowest score of a label; the model's own by default.
        options: further ones of ``ClassifyOptions``: how often it looks.

    Raises ConfigError.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        of: int | str | Sequence[int | str] = (),
        conf: float | None = None,
        **options: Any,
    ) -> None:
        valid = checked(ClassifyOptions, model=fspath(model), of=of, conf=conf, **options)
        super().__init__(**valid.model_dump())


def classify_options(text: str) -> ClassifyOptions:
    """The stage that ``MODEL`` or ``MODEL:class,class`` means. Raises ConfigError."""
    model, colon, of = text.rpartition(":") if ":" in text else (text, "", "")
    return checked(ClassifyOptions, model=model, **({"of": of} if colon else {}))


Stages: TypeAlias = tuple[ClassifyOptions, ...]
"""What is done with tracked objects, in order."""

"""A second model beside the one that answers: as its shadow, for a part of the traffic, or as its successor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from sightline.config.options import Inconsistency, Name, Options, refuse_inconsistent
from sightline.config.paths import PathField

RolloutKind = Literal["shadow", "split", "canary"]

SPLIT_KEY = "X-Split-Key"
"""The header whose value decides between two models, unless another one is named."""


class ComparedOptions(Options):
    """A second model whose results are compared with those of the first."""

    model: Name = Field(description="the second model, a name under `models`")
    examples: Annotated[Path | None, PathField("folder")] = Field(
        None,
        description="folder that keeps pictures on which the two disagree, with both results; none: none",
    )
    examples_mb: float = Field(100.0, gt=0, description="size of that folder; the oldest go first")


class ShadowOptions(ComparedOptions):
    """A second model that is shown a share of the traffic, and never answers."""

    share: float = Field(0.1, gt=0, le=1, description="of pictures that it is shown too")
    class_map: dict[str, str | None] = Field(
        {},
        description="its names of classes and those of the first model; null in place of a name leaves the "
        "class out",
    )


def _increasing(steps: tuple[float, ...]) -> tuple[float, ...]:
    if list(steps) != sorted(set(steps)):
        raise ValueError("each share must be greater than the one before it")
    return steps


class AnsweringOptions(ComparedOptions):
    """A second model that answers a part of the traffic itself."""

    compare: float = Field(
        0.2, ge=0, le=1, description="share of pictures that both are shown, to compare them"
    )
    header: str = Field(
        SPLIT_KEY,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="header of requests whose value says who belongs together: one key always has one model",
    )


class SplitOptions(AnsweringOptions):
    """Two models that share the traffic (A/B), by stream and by a key of requests."""

    share: float = Field(0.5, gt=0, lt=1, description="of streams and keys that the second answers")
    class_map: dict[str, str | None] = Field(
        {},
        description="its names of classes and those of the first model; null in place of a name leaves the "
        "class out",
    )


class CanaryOptions(AnsweringOptions):
    """A new version that answers a growing share, and then takes the first model's place, or is taken back."""

    steps: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(min_length=1),
        AfterValidator(_increasing),
    ] = Field((0.05, 0.25, 0.5), description="shares that it answers, one after another")
    compare: float = Field(
        0.2, gt=0, le=1, description="share of pictures that both are shown, to compare them"
    )
    pictures: int = Field(200, ge=1, description="pictures that are compared in each step")
    max_error_rate: float = Field(
        0.02, ge=0, le=1, description="of its inferences, failed; the first model answers for them"
    )
    max_latency_p95: float = Field(
        1.5, gt=0, description="its p95 from asked to answered, as a multiple of the first model's"
    )
    max_latency_p99: float = Field(2.0, gt=0, description="the same of p99")
    min_agreement: float = Field(
        0.8, ge=0, le=1, description="share of confident objects of either that the other found too"
    )
    min_class_agreement: float = Field(0.5, ge=0, le=1, description="the same, of each class")
    max_count_change: float = Field(
        0.5, gt=0, description="objects of each class in a picture: change against the first model"
    )
    min_objects: int = Field(
        20, ge=1, description="a class is judged from so many confident objects on"
    )


RolloutOptions: TypeAlias = ShadowOptions | SplitOptions | CanaryOptions


class HasRollout(Options):
    """What an entry of ``models`` may have beside itself; one of the three at most."""

    shadow: ShadowOptions | None = Field(
        None, description="a second model that sees a share of the traffic and never answers"
    )
    split: SplitOptions | None = Field(
        None, description="a second model that answers a share of streams and clients (A/B)"
    )
    canary: CanaryOptions | None = Field(
        None,
        description="a new version that answers a growing share, and is promoted or rolled back",
    )

    @property
    def rollout(self) -> tuple[RolloutKind, RolloutOptions] | None:
        """The one that is given, and which it is."""
        given: tuple[tuple[RolloutKind, RolloutOptions | None], ...] = (
            ("shadow", self.shadow),
            ("split", self.split),
            ("canary", self.canary),
        )
        return next(((kind, options) for kind, options in given if options is not None), None)

    @model_validator(mode="after")
    def _one_rollout(self) -> HasRollout:
        given = [kind for kind in ("shadow", "split", "canary") if getattr(self, kind) is not None]
        if len(given) > 1:
            refuse_inconsistent(
                [((given[1],), f"this model has a {given[0]} too: leave one of the two out")]
            )
        return self


def rollout_inconsistencies(
    models: Mapping[str, HasRollout], served: list[str], workers: int
) -> Iterator[Inconsistency]:
    """Second models that there are not, that have second models themselves, or that cannot be compared."""
    for name, model in models.items():
        if model.rollout is None:
            continue
        kind, options = model.rollout
        at, second = ("models", name, kind, "model"), options.model
        if second not in models:
            yield at, f"there is no model {second}; there are {', '.join(models)}"
        elif second == name:
            yield at, "it is the first model itself: name another one"
        elif (own := models[second].rollout) is not None:
            yield at, f"{second} has a {own[0]} itself: only one of the two may"
        elif name not in served or (kind != "shadow" and second not in served):
            yield at, f"{name} and {second} must both be detectors: classifiers are not compared"
        if workers:
            yield (
                ("models", name, kind),
                "it needs the streams in this process: leave out `workers`",
            )

"""The whole of one configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from sightline.config.composites import (
    EnsembleModelOptions,
    ModelChoice,
    SharedModelOptions,
    TiledModelOptions,
    named_members,
)
from sightline.config.model import ServedModelOptions
from sightline.config.monitoring.alerts import OF_WATCHED_STREAMS, AlertOptions, never_true
from sightline.config.monitoring.history import HistoryOptions
from sightline.config.monitoring.mail import MailOptions
from sightline.config.options import Inconsistency, Name, Options, refuse_inconsistent
from sightline.config.rollout import rollout_inconsistencies
from sightline.config.scheduler import SchedulerOptions
from sightline.config.serving import ServingOptions, serving_inconsistencies
from sightline.config.stream import StreamOptions
from sightline.config.tracker import embedder_of


def asks_names(options: SharedModelOptions) -> bool:
    """Whether clients ask a model for names of whole pictures, and not for objects."""
    return isinstance(options, ServedModelOptions) and options.task == "classify"


class Configuration(Options):
    """The whole of one configuration file."""

    models: dict[Name, ModelChoice] = Field(
        min_length=1, description="by name; the first is the default"
    )
    streams: dict[Name, StreamOptions] = Field({}, description="by name; what runs from the start")
    scheduler: SchedulerOptions = Field(
        SchedulerOptions(), description="how streams and clients share the engines"
    )
    serving: ServingOptions | None = Field(None, description="none: `sightline run` has no service")
    alerts: tuple[AlertOptions, ...] = Field((), description="rules that are watched")
    mail: MailOptions | None = Field(None, description="the server that alerts are mailed through")
    history: HistoryOptions | None = Field(
        None, description="what is kept for reports; none: nothing"
    )
    workers: int = Field(
        0, ge=0, le=64, description="processes that share the streams; 0: all in this one"
    )

    @cached_property  # it is asked for once and more for each stream, and looks at all of them
    def served_models(self) -> list[str]:
        """Names of the models that detect, or that clients send tensors to: the first is the default.

        Classifiers, embedders of trackers and stages, and what is only a shadow or a reference are left out.
        """
        by_streams = {stream.model for stream in self.streams.values()}
        streams = self.streams.values()
        embedders = {embedder_of(stream.tracker) for stream in streams}
        embedders |= {stream.collect.embedder for stream in streams if stream.collect is not None}
        embedders |= self._in_stages("embed")
        references = {
            stream.estimate.reference for stream in streams if stream.estimate is not None
        }
        if self.serving is not None and self.serving.search is not None:
            embedders.add(self.serving.search.embedder)
        others = {*self.classifiers, *((embedders | self.shadows | references) - by_streams)}
        return [name for name in self.models if name not in others]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other values where they are given; what was derived from those is derived again."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("served_models", None)
        return copy

    @property
    def shadows(self) -> set[str]:
        """Names of the models that are shadows of others, and answer nobody."""
        models = self.models.values()
        return {model.shadow.model for model in models if model.shadow is not None}

    @property
    def classifiers(self) -> list[str]:
        """Names of the models that name whole pictures, or that only stages use."""
        in_stages = self._in_stages("classify")
        by_streams = {stream.model for stream in self.streams.values()}
        return [
            name
            for name, options in self.models.items()
            if asks_names(options) or name in in_stages - by_streams
        ]

    def _in_stages(self, kind: str) -> set[str | None]:
        """Names of the models that stages of a kind use."""
        stages = (stage for stream in self.streams.values() for stage in stream.stages)
        return {stage.model for stage in stages if stage.kind == kind}

    @field_validator("models", mode="before")
    @classmethod
    def _named_members(cls, value: object) -> object:
        return named_members(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Configuration:
        refuse_inconsistent(_inconsistencies(self))
        return self


def _detectors(stream: StreamOptions) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The models of a stream that find objects: where each is named, and its name."""
    yield ("model",), stream.model
    for number, stage in enumerate(stream.stages):
        if stage.kind in {"segment", "detect"}:
            yield ("stages", number, "model"), stage.model


def _of_one_input(
    configuration: Configuration, name: str, stream: StreamOptions
) -> Iterator[Inconsistency]:
    """Options of a stream that need a model of one input, where the model is made of others."""
    first = next(iter(configuration.served_models), None)
    model = configuration.models.get(stream.model) or configuration.models.get(first or "")
    if not isinstance(model, TiledModelOptions | EnsembleModelOptions):
        return
    wanted = {
        ("detect", "regions"): stream.detect.regions,
        ("adaptive", "sizes"): stream.adaptive.sizes,
    }
    for place, value in wanted.items():
        if value:
            yield (
                ("streams", name, *place),
                f"{stream.model} is of kind {model.kind}: it has no one input, and this needs one",
            )


def _of_disagreement(
    configuration: Configuration, name: str, stream: StreamOptions
) -> Iterator[Inconsistency]:
    """Frames that are to be collected where two models disagree, of a stream that has but one."""
    kinds = () if stream.collect is None else stream.collect.kinds or ()
    first = next(iter(configuration.served_models), None)
    model = configuration.models.get(stream.model) or configuration.models.get(first or "")
    if "disagreed" in kinds and model is not None and model.rollout is None:
        at = ("streams", name, "collect", "kinds", kinds.index("disagreed"))
        yield at, f"disagreed: model {stream.model} needs a `shadow`, `split` or `canary` beside it"


def _of_reference(
    configuration: Configuration, name: str, stream: StreamOptions
) -> Iterator[Inconsistency]:
    """A reference that is the stream's own model, that finds nothing, or that has no process to run in."""
    reference = None if stream.estimate is None else stream.estimate.reference
    if reference is None:
        return
    at = ("streams", name, "estimate", "reference")
    own, others = stream.model, (*configuration.served_models, reference)
    if own not in configuration.models:  # it is the default
        own = next((name for name in configuration.models if name in others), own)
    if reference == own:
        yield (
            at,
            f"{reference} is the stream's own model: name a better one, or the stream's `model`",
        )
    elif reference in configuration.models and asks_names(configuration.models[reference]):
        yield at, f"{reference} is a classifier: it finds no objects"
    if configuration.workers:
        yield at, "it needs the streams in this process: leave out `workers`, or `reference`"


def _inconsistencies(configuration: Configuration) -> Iterator[Inconsistency]:
    """Names that nothing has, ports that two want, rules that cannot come true."""
    models = f"; there are {', '.join(configuration.models)}"
    for name, stream in configuration.streams.items():
        if stream.model != "default" and stream.model not in configuration.models:
            yield ("streams", name, "model"), f"there is no model {stream.model}{models}"
        yield from _of_one_input(configuration, name, stream)
        yield from _of_disagreement(configuration, name, stream)
        yield from _of_reference(configuration, name, stream)
        for place, finds in _detectors(stream):
            if finds in configuration.models and asks_names(configuration.models[finds]):
                yield ("streams", name, *place), f"{finds} is a classifier: it finds no objects"
    if not configuration.served_models:
        yield (
            ("models",),
            "all of them are classifiers, embedders or references: which one detects?",
        )
    yield from rollout_inconsistencies(
        configuration.models, configuration.served_models, configuration.workers
    )
    if configuration.serving is not None:
        yield from serving_inconsistencies(configuration.serving)
    yield from _of_alerts(configuration, models)


def _of_alerts(configuration: Configuration, models: str) -> Iterator[Inconsistency]:
    """Rules that cannot come true, or be told; ``models`` lists those that there are."""
    names: set[str] = set()
    for i, rule in enumerate(configuration.alerts):
        if rule.name in names:
            yield ("alerts", i, "name"), f"there are two alerts {rule.name}"
        names.add(rule.name)
        if rule.model is not None and rule.model not in configuration.models:
            yield ("alerts", i, "model"), f"there is no model {rule.model}{models}"
        # A service can be given more streams while it runs.
        unknown = rule.stream is not None and rule.stream not in configuration.streams
        if unknown and not configuration.serving:
            yield ("alerts", i, "stream"), f"there is no stream {rule.stream}"
        if rule.email and configuration.mail is None:
            yield ("alerts", i, "email"), "there is no server to send it through: give `mail`"
        option = OF_WATCHED_STREAMS.get(rule.metric)
        if option is not None and not _watched(configuration, rule.stream, option):
            of = "no stream is" if rule.stream is None else f"stream {rule.stream} is not"
            yield ("alerts", i, "metric"), f"{rule.metric}: {of} watched: give it `{option}`"
        for at, what in never_true(rule):
            yield ("alerts", i, at), what


def _watched(configuration: Configuration, name: str | None, option: str) -> bool:
    """Whether a stream, or any, has an option; one that comes later, or that nobody knows, may have it."""
    streams = configuration.streams
    if name is not None:
        return name not in streams or getattr(streams[name], option) is not None
    later = configuration.serving is not None
    return later or any(getattr(stream, option) is not None for stream in streams.values())

"""Options that are right one by one and do not go together: where, and what is wrong.

Knows what the options mean to one another; nothing is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sightline.config import (
        AlertOptions,
        ByteTrackOptions,
        Configuration,
        ServingOptions,
        StreamOptions,
    )

Misfit: TypeAlias = tuple[tuple[str | int, ...], str]
"""The place of a value within the options that are looked at, and what is wrong with it."""


def of_configuration(configuration: Configuration) -> Iterator[Misfit]:
    """Names that nothing has, ports that two want, rules that cannot come true."""
    models = f"; there are {', '.join(configuration.models)}"
    for name, stream in configuration.streams.items():
        if stream.model != "default" and stream.model not in configuration.models:
            yield ("streams", name, "model"), f"there is no model {stream.model}{models}"
    if configuration.serving is not None:
        yield from _of_serving(configuration.serving)
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
        for at, what in _never(rule):
            yield ("alerts", i, at), what


def of_tracker(options: ByteTrackOptions) -> Iterator[Misfit]:
    """Thresholds that are the wrong way round."""
    low, high = options.low_threshold, options.high_threshold
    if low is not None and high is not None and low > high:
        yield (
            ("low_threshold",),
            f"{low:g} is above high_threshold, {high:g}: it must not exceed it",
        )


def of_stream(options: StreamOptions) -> Iterator[Misfit]:
    """Rates that exclude one another, and a tracker where nothing is tracked."""
    if not options.track and "tracker" in options.model_fields_set:
        yield ("tracker",), "nothing is tracked with `track: false`: leave one of the two out"
    most = options.adaptive.max_fps
    if most is not None and options.min_fps > most:
        yield (
            ("min_fps",),
            (
                f"{options.min_fps:g} a second are kept for it, but adaptive.max_fps analyses "
                f"{most:g} at most"
            ),
        )


def _of_serving(serving: ServingOptions) -> Iterator[Misfit]:
    if serving.exposed:
        yield (
            ("serving", "host"),
            (
                f"{serving.host} can be reached from elsewhere: set token too (`serve --model` "
                "reads it from SIGHTLINE_TOKEN), or take 127.0.0.1"
            ),
        )
    if serving.port and serving.port == serving.grpc_port:  # 0 takes any that is free
        yield (
            ("serving", "port"),
            f"gRPC has port {serving.grpc_port} too: give grpc_port another one, or none",
        )


def _never(rule: AlertOptions) -> Iterator[tuple[str, str]]:
    """Why a rule can never come true: the key, and what is wrong with it."""
    if rule.metric == "stream_down_s" and rule.model is not None and rule.stream is None:
        yield "model", "stream_down_s is of streams, never of a model: say `stream`, or neither"
    if rule.metric != "error_rate":
        return
    if rule.stream is not None and rule.model is None:
        yield "stream", "error_rate is of models, never of a stream: say `model`, or neither"
    if rule.above is not None and rule.above >= 1:
        yield "above", f"error_rate goes from 0 to 1: it is never above {rule.above:g}"
    if rule.below is not None and rule.below <= 0:
        yield "below", f"error_rate goes from 0 to 1: it is never below {rule.below:g}"

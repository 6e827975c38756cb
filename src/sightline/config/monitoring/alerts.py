"""Rules that are watched while a service runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sightline.config.monitoring.mail import MailAddress
from sightline.config.options import Name, Options
from sightline.config.serving import secret_web_address

_OF_MACHINE = {"disk_used", "temperature_c"}
OF_WATCHED_STREAMS: Mapping[str, Literal["drift", "estimate"]] = {
    "drift": "drift",
    "anomaly": "drift",
    "accuracy": "estimate",
}
"""Metrics of streams that are watched, and the option of a stream that does it."""
_OF_STREAMS = {"stream_down_s", *OF_WATCHED_STREAMS}
_BELOW_ZERO = {"temperature_c"}
_SHARES = {"error_rate", "agreement", "accuracy", "disk_used"}


class AlertOptions(Options):
    """A rule that is watched while the service runs."""

    name: Name = Field(description="stands in the log and in what is sent")
    metric: Literal[
        "latency_p99_ms",
        "throughput_fps",
        "error_rate",
        "agreement",
        "stream_down_s",
        "drift",
        "anomaly",
        "accuracy",
        "disk_used",
        "temperature_c",
    ] = Field(description="what is watched")
    above: float | None = Field(None, description="alert where the value is greater")
    below: float | None = Field(None, description="alert where the value is smaller")
    for_s: float = Field(10.0, ge=0, description="only after so long without a pause")
    cooldown_s: float = Field(300.0, ge=0, description="silence after an alert")
    model: Name | None = Field(None, description="of this model only")
    stream: Name | None = Field(None, description="of this stream only")
    webhook: Annotated[SecretStr, AfterValidator(secret_web_address)] | None = Field(
        None, description="address that gets a POST with JSON"
    )
    email: tuple[MailAddress, ...] = Field(
        (), max_length=20, description="addresses that get an e-mail, through the server of `mail`"
    )

    @model_validator(mode="after")
    def _one_limit(self) -> AlertOptions:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either `above` or `below`")
        return self


def never_true(rule: AlertOptions) -> Iterator[tuple[str, str]]:
    """Why a rule can never come true: the key, and what is wrong with it."""
    if rule.metric in _OF_STREAMS and rule.model is not None and rule.stream is None:
        yield "model", f"{rule.metric} is of streams, never of a model: say `stream`, or neither"
    if rule.metric in _OF_MACHINE:
        for at in ("model", "stream"):
            if getattr(rule, at) is not None:
                yield at, f"{rule.metric} is of the machine, never of a {at}: leave it out"
    if rule.metric not in _SHARES:
        if rule.metric not in _BELOW_ZERO and rule.below is not None and rule.below <= 0:
            yield "below", f"{rule.metric} begins at 0: it is never below {rule.below:g}"
        return
    of_models = rule.metric not in _OF_MACHINE and rule.metric not in _OF_STREAMS
    if rule.stream is not None and rule.model is None and of_models:
        yield "stream", f"{rule.metric} is of models, never of a stream: say `model`, or neither"
    if rule.above is not None and rule.above >= 1:
        yield "above", f"{rule.metric} goes from 0 to 1: it is never above {rule.above:g}"
    if rule.below is not None and rule.below <= 0:
        yield "below", f"{rule.metric} goes from 0 to 1: it is never below {rule.below:g}"

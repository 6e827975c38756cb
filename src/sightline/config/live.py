"""How a live source connects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from sightline.config.options import Inconsistency, Options, refuse_inconsistent
from sightline.hosts import host_rule


class LiveOptions(Options):
    """How a live source connects, and what it does when the connection is lost."""

    transport: Literal["tcp", "udp"] = Field("tcp", description="of RTSP")
    open_timeout_s: float = Field(
        5.0, gt=0, description="for one connection, and for open() to have the first picture"
    )
    stall_timeout_s: float = Field(
        4.0, gt=0, description="without a picture for so long, a connection counts as lost"
    )
    key_frame_timeout_s: float = Field(
        30.0, gt=0, description="for the first key frame of a connection, while packets come"
    )
    download_mb: int = Field(
        4000,
        ge=0,
        description="most of an MP4 that is kept in a temporary file, where its index is at its end and the "
        "server sends no parts of files",
    )
    wait_for_camera: bool = Field(
        False, description="open() waits for a camera that is not there yet, for ever"
    )
    reconnect_attempts: int = Field(
        0, ge=0, description="in a row before the source has failed; 0: for ever"
    )
    backoff_first_s: float = Field(
        0.25, gt=0, description="before the first new attempt; doubles, and is jittered to half"
    )
    backoff_max_s: float = Field(2.0, gt=0, description="longest wait between two attempts")
    auth_retry_s: float = Field(
        30.0, gt=0, description="wait after a refused password: cameras lock accounts"
    )
    max_time_step_s: float = Field(
        5.0, gt=0, description="a larger step of the timestamps is replaced by the clock's"
    )
    threads: int = Field(1, ge=0, description="decoder threads; 0: all cores")
    hosts: tuple[Annotated[str, AfterValidator(host_rule)], ...] | None = Field(
        None,
        description="networks (CIDR) and names that may be connected to, also by redirects; none: "
        "any; []: any but link-local and cloud metadata addresses",
    )
    clock: Literal["auto", "arrival"] = Field(
        "auto",
        description="wall-clock time of frames: auto takes the camera's where it tells it (RTCP), else "
        "that of their arrival; arrival always the latter",
    )

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        refuse_inconsistent(_shrinking_waits(self))
        return self


def _shrinking_waits(options: LiveOptions) -> Iterator[Inconsistency]:
    """A first wait that is longer than the longest would silently be cut to that."""
    first, longest = options.backoff_first_s, options.backoff_max_s
    if first > longest:
        yield (
            ("backoff_first_s",),
            f"the first wait is {first:g} s, and backoff_max_s, the longest, is {longest:g} s: raise that too",
        )

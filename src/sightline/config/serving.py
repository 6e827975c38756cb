"""The service that clients talk to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from sightline.addresses import database_address, web_address
from sightline.config.options import Inconsistency, Options
from sightline.config.paths import PathField
from sightline.hosts import host_rule, network_rule


class LimitOptions(Options):
    """What the service accepts from a client."""

    body_mb: float = Field(20.0, gt=0, description="bytes of one request's body")
    pixels: int = Field(50_000_000, ge=1, description="of one picture, before it is decoded")
    parts: int = Field(64, ge=1, description="of a multipart body; pictures of a batch")
    header_timeout_s: float = Field(10.0, gt=0, description="to send all headers of a request")
    body_timeout_s: float = Field(
        30.0, gt=0, description="to send a whole body; to go on reading an answer"
    )
    least_kb_s: float = Field(
        0.0, ge=0, description="kB a second that a body must come with, after 2 s; 0: any"
    )
    arriving_per_address: int = Field(
        256, ge=1, description="requests of one address that may be on their way at a time"
    )
    keep_alive_s: int = Field(
        75, ge=1, description="an idle connection is kept; longer than a proxy before it keeps it"
    )
    timeout_ms: float = Field(10_000.0, gt=0, description="for an answer, where none is asked for")
    connections: int = Field(1000, ge=1, description="that may be open at a time")
    queue_ms: float = Field(
        1000.0, gt=0, description="refuse at once what would wait longer in the queue"
    )
    in_flight: int = Field(1024, ge=1, description="requests that are worked on at a time")
    streams: int = Field(256, ge=0, description="streams that may run at a time")


def secret_web_address(value: SecretStr) -> SecretStr:
    """An address with a login or token in it, checked as ``web_address``. Raises ValueError."""
    return SecretStr(web_address(value.get_secret_value()))


def _none_of(value: object) -> object:
    """The word none, as on the command line; YAML's own is null."""
    return None if isinstance(value, str) and value.lower() == "none" else value


PortOrNone = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    BeforeValidator(_none_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 65535},
                {"enum": ["none"]},
                {"type": "null"},
            ]
        }
    ),
]


def is_loopback(host: str) -> bool:
    """Whether a host that is bound to, or named in a Host header, is this computer's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class SearchOptions(Options):
    """The database that `POST /search` searches: its vectors are made by `kind: embed` of a stream's stages."""

    database: Annotated[str, AfterValidator(database_address)] = Field(
        min_length=1, description="SQLite file or address; streams may be writing to it"
    )
    embedder: str | None = Field(
        None,
        description="a name under `models`, of a bundled or pulled model, or a file; none: the one that the "
        "database names",
    )
    index: Literal["auto", "exact", "usearch"] = Field(
        "auto", description="auto is exact up to 300,000 vectors, and usearch beyond"
    )


class ServingOptions(Options):
    """The service that clients talk to. Without a token it listens to this computer only."""

    host: str = Field("127.0.0.1", description="address to listen at; 0.0.0.0: all networks")
    port: int = Field(8000, ge=0, le=65535, description="HTTP; 0 takes a free one")
    grpc_port: PortOrNone = Field(8001, description="none: no gRPC")
    token: SecretStr | None = Field(None, min_length=1, description="demanded of clients (Bearer)")
    admin_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="demanded for changes of models and streams; else `token` will do",
    )
    fetch_from: tuple[Annotated[str, AfterValidator(network_rule)], ...] = Field(
        (), description="networks (CIDR) whose pictures may be fetched by URL; none by default"
    )
    files_under: Annotated[tuple[Path, ...], PathField("folder")] = Field(
        (), description="folders whose files clients may open as streams; none by default"
    )
    outputs_under: Annotated[Path | None, PathField("folder")] = Field(
        None, description="folder below which clients' streams may write files; none by default"
    )
    stream_schemes: tuple[str, ...] = Field(
        ("rtsp", "rtsps", "http", "https", "street"),
        description="kinds of address that clients may open as streams",
    )
    stream_hosts: tuple[Annotated[str, AfterValidator(host_rule)], ...] = Field(
        (),
        description="networks (CIDR) and names (*.cams.lan) that clients' streams may connect to; "
        "by default any; link-local and cloud metadata addresses only where they are named",
    )
    origins: tuple[str, ...] = Field(
        (), description="web pages (origins) that may call from elsewhere"
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(network_rule)], ...] = Field(
        (),
        description="addresses or networks (CIDR) of proxies whose X-Forwarded-For says who the client "
        "is; none by default: a proxy is then one client",
    )
    shared_memory: bool = Field(
        False,
        description="whether requests under /v2 may name tensors in POSIX shared memory of this "
        "computer, which administrators register",
    )
    drain_s: float = Field(10.0, ge=0, description="to finish what was accepted after SIGTERM")
    nice: int = Field(
        3,
        ge=0,
        le=19,
        description="how much lower the threads that compute stand (nice) than the one that answers "
        "clients; Linux only, where the service has its process to itself",
    )
    limits: LimitOptions = Field(LimitOptions(), description="what is accepted from a client")
    search: SearchOptions | None = Field(
        None, description="what clients may search by looks; none: nothing"
    )
    trace_to: Annotated[str, AfterValidator(web_address)] | None = Field(
        None, description="address of an OpenTelemetry (OTLP/HTTP) collector"
    )

    @property
    def exposed(self) -> bool:
        """Others could reach it, and no token is demanded of them."""
        return self.token is None and not is_loopback(self.host)


def serving_inconsistencies(serving: ServingOptions) -> Iterator[Inconsistency]:
    """A service that others reach without a token, and two ports that are one."""
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

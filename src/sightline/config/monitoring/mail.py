"""The server that alerts are mailed through."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sightline.config.options import Inconsistency, Options, refuse_inconsistent
from sightline.config.paths import PathField

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?\.?")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _mail_address(text: str) -> str:
    """Raises ValueError: it is no address, or one with a name beside it."""
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("an address is written ops@example.org, without a name beside it")
    return text


def _mail_host(text: str) -> str:
    """Raises ValueError: it is no name and no address of a computer."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text))
    if not _HOST.fullmatch(text):
        raise ValueError("a server is written smtp.example.org; its port stands under `port`")
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class MailOptions(Options):
    """The SMTP server that alerts with `email` go through."""

    host: Annotated[str, AfterValidator(_mail_host)] = Field(
        description="name or address of the server"
    )
    port: int | None = Field(
        None, ge=1, le=65535, description="none: 587, with `security: tls` 465, with none 25"
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="how the connection is encrypted; none: only in a network of your own",
    )
    sender: MailAddress = Field(description="the address that alerts come from")
    user: str | None = Field(None, min_length=1, description="to log in with")
    password: SecretStr | None = Field(None, min_length=1, description="to log in with")
    ca_file: Annotated[Path | None, PathField("reference")] = Field(
        None, description="certificates (PEM) to trust beside the system's own"
    )

    @property
    def server_port(self) -> int:
        """The port that is connected to."""
        return _PORTS[self.security] if self.port is None else self.port

    @model_validator(mode="after")
    def _fits_together(self) -> MailOptions:
        refuse_inconsistent(_login_mistakes(self))
        return self


def _login_mistakes(options: MailOptions) -> Iterator[Inconsistency]:
    if (options.user is None) != (options.password is None):
        yield ("password",), "`user` and `password` belong together: give both, or neither"
    elif options.user is not None and options.security == "none":
        yield ("security",), "a password is never sent unencrypted: take starttls or tls"
    secret = "" if options.password is None else options.password.get_secret_value()
    for key, text in (("user", options.user or ""), ("password", secret)):
        if not text.isascii() or not text.isprintable():
            yield (
                (key,),
                "SMTP takes ASCII only here: choose another without accents and control characters",
            )

"""A picture behind an http or https address that the program itself was given."""

from __future__ import annotations

import time
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError

from sightline.addresses import read_address
from sightline.errors import SourceError
from sightline.redaction import redact_address
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.web import WebClient

LIMIT_BYTES = 100_000_000
_SILENCE_S = 10.0
_WHOLE_S = 60.0
_PIECE = 1 << 18


def fetch_picture(url: str) -> bytes:
    """The bytes behind an address; redirects are followed.

    Only for addresses of who runs the program: what clients of a service name is fetched by
    ``serving.fetch``, from networks that are allowed.

    Raises:
        SourceError: it is no http or https address, cannot be fetched in time, or is too large.
    """
    label = redact_address(url)
    try:
        address = read_address(url, ("http", "https"), drop_fragment=True)
    except ValueError as exc:
        raise SourceError(f"{label} is no address of a picture: {exc}") from None
    allowance = ReadAllowance(_SILENCE_S, LIMIT_BYTES + 1, label)
    try:
        _, answer = WebClient(address, None, allowance).get(address, whole=True)
        with answer:
            return _body(answer, allowance, label)
    except HTTPError as exc:
        with exc:  # it holds the connection
            raise SourceError(f"{label} answers {exc.code}: check the address") from None
    except (OSError, ValueError, HTTPException) as exc:
        raise SourceError(f"{label} cannot be fetched ({exc}): check the address") from None


def _body(answer: HTTPResponse, allowance: ReadAllowance, label: str) -> bytes:
    """All of it. Raises SourceError: it is too large; OSError: it is not there in time."""
    data = bytearray()
    deadline = time.monotonic() + _WHOLE_S
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > LIMIT_BYTES:
            raise SourceError(
                f"{label} has more than {LIMIT_BYTES // 1_000_000} MB: is it a picture?"
            )
        if time.monotonic() > deadline:
            raise TimeoutError(f"not whole after {_WHOLE_S:g} s")
        allowance.renew()
    if answer.length:
        raise OSError("it breaks off")
    return bytes(data)

"""A picture behind an http or https address that the program itself was given."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

from sightline.addresses import decoded, read_address
from sightline.errors import SourceError
from sightline.redaction import redact_address

LIMIT_BYTES = 100_000_000
_TIMEOUT_S = 10.0


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
    request = urllib.request.Request(  # noqa: S310 - http or https
        f"{address.scheme}://{address.authority}{address.target or '/'}",
        headers={"Accept": "image/*,*/*"},
    )
    if address.login:
        login = base64.b64encode(decoded(address.login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read(LIMIT_BYTES + 1)
    except urllib.error.HTTPError as exc:
        with exc:  # it holds the connection
            raise SourceError(f"{label} answers {exc.code}: check the address") from None
    except (OSError, ValueError) as exc:
        why = getattr(exc, "reason", None) or exc
        raise SourceError(f"{label} cannot be fetched ({why}): check the address") from None
    if len(data) > LIMIT_BYTES:
        raise SourceError(f"{label} has more than {LIMIT_BYTES // 1_000_000} MB: is it a picture?")
    return data

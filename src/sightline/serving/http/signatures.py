"""Signed addresses: for ``<img>`` and ``EventSource``, which cannot send a token.

An address is good for one path with its parameters, for a short time. Whoever has it may read what
is there, nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from sightline.config import ServingOptions

LONGEST_S = 3600
EXPIRES, SIGNATURE = "expires", "signature"
CACHE_BUSTERS = {"_", "t", "ts"}
"""Parameters that web pages add so that a picture is fetched anew; they are not signed."""
_NOT_SIGNED = {SIGNATURE, *CACHE_BUSTERS}

_SIGNABLE = re.compile(r"/streams/[^/]+/(?:mjpeg|snapshot)|/events|/report")


def is_signable(path: str) -> bool:
    """Whether addresses of a path can be signed: live pictures, events and reports."""
    return _SIGNABLE.fullmatch(path) is not None


class Signer:
    """Signs addresses and checks them.

    Its key is made from the service's token: addresses stay good when the service is started again,
    and none does when the token is changed.
    """

    def __init__(self, options: ServingOptions) -> None:
        token = options.token.get_secret_value() if options.token is not None else None
        secret = token.encode() if token is not None else secrets.token_bytes(32)
        self._key = hmac.digest(secret, b"sightline: signed addresses", hashlib.sha256)

    def sign(
        self, path: str, seconds: float, parameters: Sequence[tuple[str, str]]
    ) -> tuple[str, int]:
        """The signed address of a path with its parameters, and when it expires (Unix time, s).

        Parameters that ``check`` does not look at are left out: a page adds its own.
        """
        expires = int(time.time() + seconds)
        query = [pair for pair in parameters if pair[0] not in _NOT_SIGNED]
        query.append((EXPIRES, str(expires)))
        return f"{path}?{urlencode([*query, (SIGNATURE, self._signature(path, query))])}", expires

    def check(self, path: str, query: bytes) -> bool | None:
        """Whether the address is signed and still good; None where it is not signed at all."""
        if b"signature=" not in query:
            return None
        fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in fields if name == SIGNATURE), "")
        expires = next((value for name, value in fields if name == EXPIRES), "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return False
        signed = [pair for pair in fields if pair[0] not in _NOT_SIGNED]
        good = hmac.compare_digest(
            given.encode("utf-8", "replace"), self._signature(path, signed).encode()
        )
        now = time.time()
        return good and is_signable(path) and now < int(expires) <= now + LONGEST_S + 60

    def _signature(self, path: str, parameters: Sequence[tuple[str, str]]) -> str:
        text = f"GET {path}?{urlencode(sorted(parameters))}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

"""Addresses as they may be shown."""

from __future__ import annotations

import re

_LOGIN = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
    r"(?:(?P<user>[^\s/?#:@]*):)?"
    # Up to the last "@" of the host part; or, where a password holds a bare slash, of the word.
    r"(?:[^\s/?#]*@|(?<=:)\S*@)"
)
_QUERY = re.compile(r"(?i)((?:pass|pwd|token|secret|key|auth|sig)[\w.-]*=)[^&#\s]*")


def redact_url(text: str) -> str:
    """``text`` with the passwords of all addresses in it replaced by ``***``.

    A login without a password is taken for a secret as a whole; so are values that are named
    like one (``?pwd=``, ``&token=``). In doubt it hides too much: an "@" in a path may cost the
    host before it.
    """

    def hide(match: re.Match[str]) -> str:
        user = match["user"]
        return match["scheme"] + (f"{user}:***@" if user is not None else "***@")

    return _QUERY.sub(r"\1***", _LOGIN.sub(hide, text))

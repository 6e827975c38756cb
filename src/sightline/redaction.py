"""What may be shown: text without the passwords and tokens in it.

Used wherever text leaves the process: logs, errors, metrics, pages. In doubt it hides too much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
MOST = 16_000

_LOGIN = re.compile(
    # Not in the middle of a word: each start would look through all that follows.
    r"(?<![a-zA-Z0-9+.-])(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
    r"(?:(?P<user>[^\s/?#:@]*):)?"
    # Up to the last "@" of the host part; or, where a password holds a bare slash, of the word.
    r"(?:[^\s/?#]*@|(?<=:)\S*@)"
)
_KEY = r"(?:pass|pwd|token|secret|key|auth|sig)"
_QUERY = re.compile(rf"(?i)({_KEY}[\w.-]{{0,64}}=)[^&#\s]*")
_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+"
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+")
_MEMBER = re.compile(rf"(?i)(['\"][\w-]{{0,64}}?{_KEY}[\w-]{{0,64}}['\"]\s*:\s*)(['\"])[^'\"]*\2")
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|pwd|token|secret|api_?key|(?:proxy-)?authorization|"
    r"(?:set-)?cookie)$"
)


def redact_url(text: str) -> str:
    """``text`` with the passwords of all addresses in it replaced by ``***``.

    A login without a password is taken for a secret as a whole; so are values that are named
    like one (``?pwd=``, ``&token=``). An "@" in a path may cost the host before it.
    """

    def hide(match: re.Match[str]) -> str:
        user = match["user"]
        return match["scheme"] + (f"{user}:{HIDDEN}@" if user is not None else f"{HIDDEN}@")

    return _QUERY.sub(rf"\1{HIDDEN}", _LOGIN.sub(hide, text))


def redact(text: str) -> str:
    """``redact_url``, and without what stands in headers and members that are named like secrets.

    A text of more than ``MOST`` characters is cut, at a space, so that no secret is cut in two and
    nobody can keep us busy with texts made for it.
    """
    if len(text) > MOST:
        kept = text[:MOST]
        kept = kept[: max(kept.rfind(" "), kept.rfind("\n"), 0)]
        text = f"{kept}… ({len(text) - len(kept)} more characters)"
    text = _MEMBER.sub(rf"\1\2{HIDDEN}\2", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    return redact_url(_BEARER.sub(rf"\1{HIDDEN}", text))


def redacted(value: Any) -> Any:
    """A value as it may be logged: all texts in it redacted, however deep, as JSON knows them.

    What belongs to a key that is named like a secret is hidden as a whole. An object that JSON
    does not know becomes its (redacted) text.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if _SECRET_NAME.search(str(key)) and item else redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return redact(value if isinstance(value, str) else str(value))

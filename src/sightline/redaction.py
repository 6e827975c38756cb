"""What may be shown: text without the passwords and tokens in it.

Used wherever text leaves the process: logs, errors, metrics, pages. In doubt it hides too much:
the value of a parameter is shown only where its name is known to be harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
MOST = 16_000

# What cameras and players are asked for, options of street:// and of SQLite.
# fmt: off
HARMLESS = frozenset({
    "action", "annotated", "audio", "bitrate", "blur", "buffer_size", "cache", "camera",
    "channel", "channels", "charset", "classes", "codec", "compression", "conf", "density",
    "duration", "fifo_size", "format", "fps", "framerate", "h", "height", "id", "immutable",
    "iou", "jpeg", "light", "live", "localport", "max_fps", "mode", "model", "name", "noise",
    "nolock", "overrun_nonfatal", "page", "pkt_size", "priority", "profile", "proto",
    "protocol", "quality", "rate", "res", "resolution", "reuse", "rotation", "seed", "shake",
    "size", "stream", "stream_type", "streamtype", "subtype", "timeout", "timeout_ms",
    "transport", "transportmode", "ttl", "type", "unicast", "user", "username", "v", "version",
    "vfs", "video", "videocodec", "w", "weather", "width", "x", "y",
})
# fmt: on
"""Names of parameters, in lower case, whose values are shown."""

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"  # the order in which text runs
)
_UNPRINTABLE = re.compile(rf"{_CONTROLS.pattern}|[\ud800-\udfff]")
_SECRET_HOSTS = re.compile(
    r"(?i)(?:[\w.-]+\.)?(?:hooks\.slack\.com|discord(?:app)?\.com|api\.telegram\.org|"
    r"outlook\.office(?:365)?\.com|webhook\.office\.com|hooks\.zapier\.com|maker\.ifttt\.com|hook\.\w+\.make\.com)(?::\d+)?"
)
"""Hosts whose paths are the secret."""

# Not in the middle of a word: each start would look through all that follows.
_START = r"(?<![a-zA-Z0-9+.-])(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
_LOGIN = re.compile(
    _START + r"(?:(?P<user>[^\s/?#:@]*):)?"
    # Up to the last "@" of the host part; where a password holds a bare slash, of the word; where
    # it holds a blank, of the line, if no other address comes first.
    r"(?:[^\s/?#]*@|(?<=:)\S{0,500}@|(?<=:)(?:(?!://)[^@]){1,200}@)"
)
_WEB = re.compile(r"(?i)(?<![a-z0-9+.-])(?P<begin>(?:https?|rtmps?)://(?P<host>[^\s/?#'\"<>]*))"
                  r"(?P<path>/[^\s?#'\"<>]*)")  # fmt: skip
_ADDRESS = re.compile(r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]*")
_PARAMETER = re.compile(r"(?P<before>[?&;/])(?P<name>[\w.\[\]%~-]{1,64})=(?P<value>[^&;#\s]*)")
_BARE_QUERY = re.compile(r"\?(?P<value>[^=&;#\s/?]{8,})(?=[&;#\s]|$)")
_TOKEN = re.compile(r"(?<=/)(?=[\w:~+-]*\d)(?=[\w:~+-]*[A-Za-z])[\w:~+-]{16,}(?=/|$)")
_WORD_ENDS = re.compile(r"[\s'\"<>]")
_BLANK = "\ue000"
"""Stands for one of these while an address is looked at as one word."""
_KEY = r"(?:pass|pwd|token|secret|key|auth|sig)"
_QUERY = re.compile(rf"(?i)({_KEY}[\w.-]{{0,64}}=)(?:'[^'\n]*'|\"[^\"\n]*\"|[^&#\s]*)")
_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|x-api-key|x-auth-token|private-token|api-key|x-amz-[\w-]*token|"
    r"(?:set-)?cookie)(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+"
)
_HEADER_WORDS = ("authorization", "key", "token", "cookie")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+")
_MEMBER = re.compile(
    rf"(?i)(['\"][\w-]{{0,64}}?{_KEY}[\w-]{{0,64}}['\"]\s*:\s*)(['\"])(?:\\.|(?!\2)[^\\])*\2"
)
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|pwd|token|secret|api_?key|(?:proxy-)?authorization|"
    r"(?:set-)?cookie)$"
)


def printable(text: str) -> str:
    """A text that commands no terminal, and that can be written: control characters are shown as escapes, but for line
    breaks and tabs, and so are bytes of a file's name that are no UTF-8. Names and what cameras and models say come from
    elsewhere.
    """
    return _UNPRINTABLE.sub(lambda one: one[0].encode("unicode_escape").decode(), text)


def one_line(name: str) -> str:
    """A name in one line, with a space for what would command a terminal or turn the order of text.

    For names that come from files of others, before they go into every output.
    """
    return re.sub(rf"(?:[\t\n]|{_CONTROLS.pattern})+", " ", name).strip()


def redact_address(text: str) -> str:
    """A text that is one address, or none, without its secrets, also where it holds blanks.

    It is one line: control characters are shown as escapes.
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "replace").decode()
        for one in _redact_whole(text)
    )


def _redact_whole(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", scheme):
        return redact_url(text)
    login, at, place = rest.rpartition("@")
    if at and _WORD_ENDS.search(login):
        user, colon, _ = login.partition(":")
        shown = f"{user}:{HIDDEN}@" if colon and not re.search(r"[\s/?#]", user) else f"{HIDDEN}@"
        text = f"{scheme}://{shown}{place}"
    # A value may hold blanks as well: nothing of it ends where a word of a text does.
    kept = iter(_WORD_ENDS.findall(text))
    found = redact_url(_WORD_ENDS.sub(_BLANK, text))
    if found.count(_BLANK) < _WORD_ENDS.subn("", text)[1]:
        return found.replace(_BLANK, " ")
    return re.sub(_BLANK, lambda _: next(kept), found)


def redact_url(text: str) -> str:
    """``text`` with the secrets of all addresses in it replaced by ``***``.

    Hidden are passwords, a login without a password as a whole, values of parameters that are not
    in ``HARMLESS``, parts of web paths that look like tokens, and values anywhere that are named
    like secrets (``pwd=``). An "@" in a path may cost the host before it.
    """

    def hide(match: re.Match[str]) -> str:
        user = match["user"]
        return match["scheme"] + (f"{user}:{HIDDEN}@" if user is not None else f"{HIDDEN}@")

    # Most texts are lines of a log without any of this: a look for it costs less than a pattern.
    if "://" in text:
        text = _LOGIN.sub(hide, text)
        text = _ADDRESS.sub(lambda match: _without_values(match[0]), text)
        text = _WEB.sub(_without_tokens, text)
    return text if "=" not in text else _QUERY.sub(rf"\1{HIDDEN}", text)


def _without_values(address: str) -> str:
    def hide(match: re.Match[str]) -> str:
        if match["name"].lower() in HARMLESS or not match["value"]:
            return match[0]
        return f"{match['before']}{match['name']}={HIDDEN}"

    return _BARE_QUERY.sub(f"?{HIDDEN}", _PARAMETER.sub(hide, address))


def _without_tokens(match: re.Match[str]) -> str:
    if _SECRET_HOSTS.fullmatch(match["host"].rpartition("@")[2]):
        return f"{match['begin']}/{HIDDEN}"
    return match["begin"] + _TOKEN.sub(HIDDEN, match["path"])


def redact(text: str) -> str:
    """``redact_url``, and without what stands in headers and members that are named like secrets, and
    ``printable``.

    A text of more than ``MOST`` characters is cut, at a space, so that no secret is cut in two and
    nobody can keep us busy with texts made for it.
    """
    if len(text) > MOST:
        kept = text[:MOST]
        kept = kept[: max(kept.rfind(" "), kept.rfind("\n"), 0)]
        text = f"{kept}… ({len(text) - len(kept)} more characters)"
    if "'" in text or '"' in text:
        text = _MEMBER.sub(rf"\1\2{HIDDEN}\2", text)
    lower = text.lower()
    if any(word in lower for word in _HEADER_WORDS):
        text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    if "bearer" in lower:
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    return printable(redact_url(text))


def redacted(value: object) -> Any:
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

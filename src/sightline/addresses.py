"""The one strict reader of addresses (URLs): sources, webhooks, servers, databases.

Two readers of one text may disagree about its host. So whatever opens an address gets the
normalised ``Address.url``, in which nothing is left to disagree about. Messages never repeat the
text: a login may stand anywhere in it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote_to_bytes

LONGEST = 2048
"""Characters of an address."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZONE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BARE_ZONE = re.compile(r"(\[[0-9A-Fa-f:.]+)%(?!25)")
_NAMES = {"\n": "a line break", "\r": "a line break", "\t": "a tab", "\0": "a zero byte"}
_LOGIN_HINT = (
    "in a user name or password each character but letters, digits and - . _ ~ is percent-encoded"
)


@dataclass(frozen=True)
class Address:
    """An address that has been read. ``login`` and ``target`` are percent-encoded ASCII.

    Args:
        scheme: in lower case.
        login: ``user`` or ``user:password``; empty where there is none.
        host: a name in lower case, or an IPv4 or IPv6 address without brackets; it may be empty
            only where the caller said so.
        port: 1 to 65535, or None.
        target: path and query, as they are asked for.
    """

    scheme: str
    login: str = field(repr=False)
    host: str
    port: int | None
    target: str = field(repr=False)

    @property
    def url(self) -> str:
        """The normalised text: what is to be opened."""
        login = f"{self.login}@" if self.login else ""
        return f"{self.scheme}://{login}{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL and in a ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """What is asked for, without the query, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the ``?``, percent-encoded; empty where there is none."""
        return self.target.partition("?")[2]

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host where it is no name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    def at(self, host: str) -> Address:
        """The same with another host."""
        return replace(self, host=host)


def read_address(
    text: str,
    schemes: Collection[str] | None = None,
    *,
    host_needed: bool = True,
    drop_fragment: bool = False,
) -> Address:
    """Read an address such as ``rtsp://joe:pass%20word@camera:554/live?channel=1``.

    Args:
        text: the whole address and nothing else.
        schemes: those that are accepted, in lower case; None accepts any.
        host_needed: refuse an address without a host.
        drop_fragment: leave out what stands after a ``#``, instead of refusing it. Web clients never
            send it; FFmpeg would.

    Raises:
        ValueError: why it is none, and what to write instead; its message may be shown.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or not _SCHEME.fullmatch(scheme):
        raise ValueError("it does not begin with SCHEME://")
    if schemes is not None and scheme not in schemes:
        raise ValueError(f"its scheme is none of {', '.join(schemes)}")
    _check_characters(text)
    rest = _BARE_ZONE.sub(r"\1%25", rest)
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    login, _, place = rest[:end].rpartition("@")
    target = rest[end:]
    target, fragment, rest = target.partition("#")
    if fragment and (not drop_fragment or "@" in rest):
        raise ValueError(
            "it has a part after #, which is never sent: leave it out, or write %23 where # is "
            "meant (also in a password)"
        )
    host, port = _place(place, slashed="@" in target)
    if host_needed and not host:
        raise ValueError("it has no host")
    if target.startswith("?"):
        target = f"/{target}"
    return Address(scheme, _login(login), host, port, _ascii(target))


def decoded(text: str) -> str:
    """The text that percent-encoding stands for; of a login, for example."""
    return unquote_to_bytes(text).decode("utf-8", "replace")


def web_address(text: str) -> str:
    """The normalised text of an http or https address. Raises ValueError where it is none."""
    try:
        return read_address(text, ("http", "https"), drop_fragment=True).url
    except ValueError as exc:
        raise ValueError(
            f"an address is written http://host:port/path or https://host/path: {exc}"
        ) from None


def database_address(text: str) -> str:
    """A path as it is, the normalised text of a database URL. Raises ValueError where it is none."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    if scheme.lower().partition("+")[0] == "sqlite":  # a path follows, in which blanks are common
        if any(one < " " or one == "\x7f" for one in text):
            raise ValueError("the address of a database is one line without control characters")
        return text
    return read_address(text, host_needed=False).url


def _check_characters(text: str) -> None:
    for number, one in enumerate(text, 1):
        if one == "\\":
            raise ValueError(f"character {number} is a backslash: write / (in a password %5C)")
        if one.isspace() or not one.isprintable():
            name = _NAMES.get(one) or ("a blank" if one.isspace() else f"U+{ord(one):04X}")
            if one < " ":
                raise ValueError(f"character {number} is {name}: an address is one line of text")
            escape = quote(one, safe="", errors="replace")
            raise ValueError(f"character {number} is {name}: write {escape} ({_LOGIN_HINT})")
        if "\ud800" <= one <= "\udfff":
            raise ValueError(f"character {number} is half of a character")
    if at := _ESCAPE.search(_BARE_ZONE.sub(r"\1%25", text)):
        raise ValueError(
            f"the % at character {at.start() + 1} is not followed by two hexadecimal digits: "
            "write %25 where % is meant"
        )
    if any(byte < 0x20 or byte == 0x7F for byte in unquote_to_bytes(text)):
        raise ValueError("it holds a percent-encoded control character (such as %0D or %00)")


def _login(text: str) -> str:
    # An "@" in a password is taken by some readers for the end of the login; [ and ] for an address.
    return _ascii(text.replace("@", "%40").replace("[", "%5B").replace("]", "%5D"))


def _ascii(text: str) -> str:
    return text if text.isascii() else quote(text, safe="".join(map(chr, range(0x21, 0x7F))))


def _place(text: str, *, slashed: bool) -> tuple[str, int | None]:
    """Host and port. ``slashed``: an "@" comes later, so this may be the start of a password."""
    hint = f" (a slash in a password is written %2F; {_LOGIN_HINT})" if slashed else ""
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("an IPv6 address is written [::1] or [::1]:554")
        return _ipv6(inner), _port(rest[1:], hint)
    host, _, port = text.partition(":")
    if ":" in port and not slashed:
        raise ValueError("an IPv6 address is written in brackets: [::1]:554")
    return _host(host.lower(), hint), _port(port, hint)


def _port(text: str, hint: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError(f"its port is no number from 1 to 65535{hint}")
    return int(text)


def _ipv6(text: str) -> str:
    address, percent, zone = text.partition("%")
    zone = zone.removeprefix("25") if zone.startswith("25") and len(zone) > 2 else zone
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        raise ValueError("what stands in brackets is no IPv6 address") from None
    if not percent:
        return str(found)
    if not found.is_link_local or not _ZONE.fullmatch(zone):
        raise ValueError("only a link-local IPv6 address has a zone: [fe80::1%25eth0]")
    return f"{found}%{zone}"


def _host(text: str, hint: str) -> str:
    if not text:
        return ""
    if not text.isascii():  # digits of other scripts are digits to a resolver
        raise ValueError("its host is not in ASCII: write its name as xn--...")
    if "%" in text:
        raise ValueError(f"its host is percent-encoded: write the name itself{hint}")
    labels = text.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(text)
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"its host is no name: letters, digits, - and _ between dots{hint}")
    return ".".join(labels)


def _ipv4(text: str) -> str:
    """Four decimal numbers. Readers differ in what 0x7f.1, 127.1, 0177.0.0.1 and 2130706433 are."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        pass
    try:
        meant = f" (is {socket.inet_ntoa(socket.inet_aton(text))} meant?)"
    except OSError:
        meant = ""
    raise ValueError(f"its host is a number: an IPv4 address is four decimal numbers{meant}")

"""Names and addresses that stand in the paths, URLs and configuration files of servers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sightline.errors import ConfigError


def server_word(flag: str, text: str) -> str:
    """A model's name or version as servers take it, unchanged. Raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text):
        raise ConfigError(
            f"{flag} {text!r}: letters, digits, '_', '.' and '-' make a name that servers take: "
            f"give another {flag}"
        )
    return text


def server_host(flag: str, text: str) -> str:
    """A host as it stands in a URL: IPv6 addresses in brackets. Raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?", text):
        raise ConfigError(f"{flag} {text!r}: give a host name or an address, such as 0.0.0.0")
    return f"[{text}]" if ":" in text and "[" not in text else text


def output_names(attributes: Iterable[str]) -> list[str]:
    """What the probabilities of a classifier's attributes are called by servers: ``colour_probabilities``."""
    found: list[str] = []
    for attribute in attributes:
        name = f"{re.sub(r'[^A-Za-z0-9_]', '_', attribute)}_probabilities"
        found.append(f"{name}_{len(found)}" if name in found else name)
    return found

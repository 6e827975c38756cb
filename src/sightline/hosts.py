"""Which hosts may be connected to: networks, names, and what is never reached by accident.

Knows addresses and rules; resolves names, opens nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local; the metadata of most clouds is at 169.254.169.254
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # metadata and time of AWS
        "fd20:ce::254/128",  # metadata of Google
        "fd00:c1::a9fe:a9fe/128",  # metadata of Oracle
        "fd00:42::42/128",  # metadata of Scaleway
        "100.100.100.200/32",  # metadata of Alibaba
        "168.63.129.16/32",  # the host of Azure's machines
        "192.0.0.192/32",  # metadata of Oracle's older machines
    )
)
"""Link-local and cloud metadata addresses: allowed only by a rule that lies within one of these."""

_TRANSLATED = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a site (RFC 8215)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
    )
)
_TUNNELLED = frozenset({0x00005EFE, 0x02005EFE})  # before the IPv4 address, in ISATAP (RFC 5214)
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,250}[a-z0-9_])?")


class AllowedHosts:
    """Rules: networks (``10.0.0.0/8``, ``10.0.0.7``) and names (``cam1.lan``, ``*.cams.lan``).

    Without rules everything is allowed but ``NEVER``. A name allows whatever it resolves to but
    ``NEVER``.

    Raises ValueError: a rule is neither.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._networks: list[Network] = []
        self._names: list[str] = []
        for rule in rules:
            network = _network(rule)
            if network is not None:
                self._networks.append(network)
            else:
                self._names.append(host_rule(rule).lower().removesuffix("."))

    @property
    def restricts(self) -> bool:
        """There are rules."""
        return bool(self._networks or self._names)

    def allow(self, host: str, addresses: Sequence[IpAddress]) -> bool:
        """Whether a host that has these addresses may be connected to: one bad one spoils all."""
        named = any(_fits(host, name) for name in self._names)
        return bool(addresses) and all(self._allows(one, named) for one in addresses)

    def _allows(self, address: IpAddress, named: bool) -> bool:
        # An IPv4 address that is dressed up as IPv6 is judged as both.
        return all(self._allows_plain(one, named) for one in _faces(address))

    def _allows_plain(self, address: IpAddress, named: bool) -> bool:
        special = next((network for network in NEVER if address in network), None)
        if special is not None:
            return any(
                address in network and network.version == special.version
                and network.subnet_of(special)  # type: ignore[arg-type] # of one version
                for network in self._networks
            )  # fmt: skip
        if named or not self.restricts:
            return True
        return any(address in network for network in self._networks)


def host_rule(text: str) -> str:
    """A rule of ``AllowedHosts`` as it is. Raises ValueError where it is neither network nor name."""
    if _network(text) is None and (
        not _NAME.fullmatch(text.lower()) or re.fullmatch(r"[0-9./x:]*", text)
    ):
        raise ValueError(
            "a host is given as a network (10.0.0.0/8, fd00::/8), an address, or a name "
            "(cam1.lan, *.cams.lan)"
        )
    return text


def network_rule(text: str) -> str:
    """A network or address as it is. Raises ValueError with the text in it where it is none."""
    ipaddress.ip_network(text)
    return text


def resolve(host: str, port: int) -> list[IpAddress]:
    """All addresses of a host, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _fits(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _faces(address: IpAddress) -> list[IpAddress]:
    """An address, without its zone, or the IPv4 addresses that stand in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    plain = ipaddress.IPv6Address(int(address))
    if plain.ipv4_mapped is not None:
        return [plain.ipv4_mapped]
    last = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
    if (
        any(plain in network for network in _TRANSLATED)
        or (plain in _COMPATIBLE and int(plain) > 0xFFFF)
        or int(plain) >> 32 & 0xFFFFFFFF in _TUNNELLED
    ):
        return [plain, last]
    if plain.teredo is not None:
        return [plain, *plain.teredo]
    if plain.sixtofour is not None:
        return [plain, plain.sixtofour]
    return [plain]

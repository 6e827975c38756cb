"""Which hosts may be connected to."""

from __future__ import annotations

import ipaddress

import pytest

from sightline.hosts import AllowedHosts, host_rule


@pytest.mark.parametrize(
    ("rules", "host", "address", "allowed"),
    [
        pytest.param([], "cam", "10.1.2.3", True, id="no rules"),
        pytest.param([], "cam", "127.0.0.1", True, id="this computer"),
        pytest.param([], "cam", "169.254.169.254", False, id="metadata"),
        pytest.param([], "cam", "169.254.1.2", False, id="link-local"),
        pytest.param([], "cam", "fe80::1%eth0", False, id="link-local with a zone"),
        pytest.param([], "cam", "fd00:ec2::254", False, id="metadata of AWS"),
        pytest.param([], "cam", "100.100.100.200", False, id="metadata of Alibaba"),
        pytest.param([], "cam", "::ffff:169.254.169.254", False, id="dressed up as IPv6"),
        pytest.param([], "cam", "64:ff9b::a9fe:a9fe", False, id="translated to IPv6"),
        pytest.param([], "cam", "64:ff9b:1::a9fe:a9fe", False, id="translated at a site"),
        pytest.param([], "cam", "::ffff:0:169.254.169.254", False, id="IPv4-translated"),
        pytest.param([], "cam", "2001:db8::5efe:169.254.169.254", False, id="ISATAP"),
        pytest.param([], "cam", "2001:db8::200:5efe:a9fe:a9fe", False, id="ISATAP, global"),
        pytest.param([], "cam", "2001:0:102:304::5601:5601", False, id="Teredo"),
        pytest.param([], "cam", "fd20:ce::254", False, id="metadata of Google"),
        pytest.param([], "cam", "fd00:c1::a9fe:a9fe", False, id="metadata of Oracle"),
        pytest.param([], "cam", "fd00:42::42", False, id="metadata of Scaleway"),
        pytest.param([], "cam", "fd20:ce::1", True, id="a private network of IPv6"),
        pytest.param([], "cam", "2002:a9fe:a9fe::", False, id="6to4"),
        pytest.param([], "cam", "::169.254.169.254", False, id="compatible IPv6"),
        pytest.param([], "cam", "::1", True, id="IPv6 loopback"),
        pytest.param(["0.0.0.0/0", "::/0"], "cam", "169.254.169.254", False, id="all is no name"),
        pytest.param(["169.254.0.0/16"], "cam", "169.254.169.254", True, id="named"),
        pytest.param(["169.254.7.7"], "cam", "169.254.7.7", True, id="named alone"),
        pytest.param(["169.254.7.7"], "cam", "169.254.169.254", False, id="another was named"),
        pytest.param(["cam"], "cam", "169.254.169.254", False, id="a name names no metadata"),
        pytest.param(["10.0.0.0/8"], "cam", "10.1.2.3", True, id="within"),
        pytest.param(["10.0.0.0/8"], "cam", "11.1.2.3", False, id="outside"),
        pytest.param(["10.0.0.0/8"], "cam", "::ffff:10.1.2.3", True, id="mapped, within"),
        pytest.param(["10.0.0.0/8"], "cam", "0.0.0.0", False, id="any address"),
        pytest.param(["10.0.0.0/8"], "cam", "fd00::1", False, id="another version"),
        pytest.param(["Cam1.lan"], "cam1.lan", "11.1.2.3", True, id="by name"),
        pytest.param(["cam1.lan"], "cam2.lan", "11.1.2.3", False, id="another name"),
        pytest.param(["*.cams.lan"], "a.cams.lan", "11.1.2.3", True, id="a name of a domain"),
        pytest.param(["*.cams.lan"], "cams.lan", "11.1.2.3", False, id="the domain itself"),
        pytest.param(["*.cams.lan"], "evilcams.lan", "11.1.2.3", False, id="ends alike"),
    ],
)
def test_allowed(rules: list[str], host: str, address: str, allowed: bool) -> None:
    assert AllowedHosts(rules).allow(host, [ipaddress.ip_address(address)]) is allowed


def test_every_address_of_a_name_counts() -> None:
    rules = AllowedHosts(["10.0.0.0/8"])
    good, bad = map(ipaddress.ip_address, ("10.0.0.1", "11.0.0.1"))
    assert rules.allow("cam", [good, good])
    assert not rules.allow("cam", [good, bad])
    assert not rules.allow("cam", [])


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "a b", "http://cam", "*", "1.2"])
def test_no_rules(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        host_rule(text)

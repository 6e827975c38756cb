"""The strict reader of addresses: what it takes, what it refuses, and what is opened."""

from __future__ import annotations

import string
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.addresses import database_address, decoded, read_address, web_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param("rtsp://cam/1", "rtsp://cam/1", id="plain"),
        pytest.param("RTSP://Cam.LAN./1", "rtsp://cam.lan/1", id="capitals, root dot"),
        pytest.param("rtsp://cam:/1", "rtsp://cam/1", id="empty port"),
        pytest.param("rtsp://cam?x=1", "rtsp://cam/?x=1", id="no path"),
        pytest.param("rtsp://joe:p@w@cam:5/1", "rtsp://joe:p%40w@cam:5/1", id="@ in password"),
        pytest.param("rtsp://joe:p%20w%3A@cam/1", "rtsp://joe:p%20w%3A@cam/1", id="encoded"),
        pytest.param("rtsp://jürgen:ß@cam/ä", "rtsp://j%C3%BCrgen:%C3%9F@cam/%C3%A4", id="letters"),
        pytest.param("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234", id="as VLC writes it"),
        pytest.param("http://[::1]:80/", "http://[::1]:80/", id="IPv6"),
        pytest.param("http://[0:0::1]/", "http://[::1]/", id="IPv6 is normalised"),
        pytest.param("rtsp://[fe80::1%25eth0]/1", "rtsp://[fe80::1%eth0]/1", id="zone"),
        pytest.param("rtsp://[fe80::1%eth0]/1", "rtsp://[fe80::1%eth0]/1", id="bare zone"),
        pytest.param("rtsp://my_cam-1/x", "rtsp://my_cam-1/x", id="underscore"),
        pytest.param("rtsp://xn--bcher-kva.example/", "rtsp://xn--bcher-kva.example/", id="IDN"),
        pytest.param("rtsp://cam/a=b&c=d|e", "rtsp://cam/a=b&c=d|e", id="path stays as it is"),
    ],
)
def test_what_is_opened(text: str, url: str) -> None:
    address = read_address(text)
    assert address.url == url
    assert read_address(url) == address
    parts = urlsplit(url)  # another reader sees the same host
    assert (parts.hostname, parts.port) == (address.host, address.port)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("rtsp://cam/a\r\nX: y", "line break", id="CR LF"),
        pytest.param("rtsp://cam/a\nX", "line break", id="LF"),
        pytest.param("rtsp://ca\tm/a", "a tab", id="tab"),
        pytest.param("rtsp://cam\0/a", "a zero byte", id="NUL"),
        pytest.param("http://a b/", "a blank: write %20", id="blank in host"),
        pytest.param("rtsp://joe:my pass@cam/", "a blank: write %20", id="blank in password"),
        pytest.param("rtsp://cam/ ", "a blank", id="blank at the end"),
        pytest.param(" rtsp://cam/", "SCHEME", id="blank at the beginning"),
        pytest.param("rtsp://cam/a\u2028b", "write %E2%80%A8", id="line separator"),
        pytest.param("rtsp://cam/a\u0085b", "write %C2%85", id="next line"),
        pytest.param("rtsp://cam/a\u200bb", "U\\+200B", id="invisible"),
        pytest.param("rtsp://cam/a%0d%0ab", "control character", id="encoded CR LF"),
        pytest.param("rtsp://u%0Aser:p@cam/", "control character", id="encoded LF in user"),
        pytest.param("rtsp://cam/%00", "control character", id="encoded NUL"),
        pytest.param("rtsp://cam/%7f", "control character", id="encoded DEL"),
        pytest.param("rtsp://cam/50%", "write %25", id="bare percent"),
        pytest.param("rtsp://joe:50%off@cam/", "write %25", id="percent in password"),
        pytest.param("http://good\\@evil/", "backslash", id="backslash"),
        pytest.param("http://h/x#y", "write %23", id="fragment"),
        pytest.param("http://joe:p#w@cam/", "%23|%2F", id="# in password"),
        pytest.param("rtsp://joe:p/w@cam/1", "%2F", id="slash in password"),
        pytest.param("rtsp://127.1/", "is 127.0.0.1 meant", id="short IPv4"),
        pytest.param("rtsp://0x7f.1/", "is 127.0.0.1 meant", id="hexadecimal"),
        pytest.param("rtsp://2130706433/", "is 127.0.0.1 meant", id="one number"),
        pytest.param("rtsp://0177.0.0.1/", "is 127.0.0.1 meant", id="octal"),
        pytest.param("rtsp://1.2.3.4.5/", "four decimal numbers", id="five numbers"),
        pytest.param("rtsp://cam.1/", "four decimal numbers", id="ends in a number"),
        pytest.param("rtsp://127.0.0.1./", "is 127.0.0.1 meant|four decimal", id="dot at the end"),
        pytest.param("rtsp://\uff11\uff12\uff17.0.0.1/", "ASCII", id="wide digits"),
        pytest.param("rtsp://b\u00fccher.example/", "xn--", id="IDN"),
        pytest.param("rtsp://%31%32%37.0.0.1/", "percent-encoded", id="encoded host"),
        pytest.param("rtsp://[::1/", "IPv6", id="open bracket"),
        pytest.param("rtsp://[::1]x/", "IPv6", id="after the bracket"),
        pytest.param("rtsp://[::1%25lo]/", "zone", id="zone of what is not link-local"),
        pytest.param("rtsp://[fe80::1%25a%0ab]/", "control", id="line break in zone"),
        pytest.param("rtsp://[cam]/", "no IPv6", id="name in brackets"),
        pytest.param("rtsp://::1/", "brackets", id="IPv6 without brackets"),
        pytest.param("rtsp://cam:0/", "port", id="port 0"),
        pytest.param("rtsp://cam:65536/", "port", id="port too large"),
        pytest.param("rtsp://cam:+80/", "port", id="signed port"),
        pytest.param("rtsp://cam:\u0661/", "port", id="digit of another script"),
        pytest.param("rtsp://cam:80:90/", "brackets|port", id="two ports"),
        pytest.param("rtsp:///x", "no host", id="no host"),
        pytest.param("rtsp://joe@/x", "no host", id="login without host"),
        pytest.param("rtsp://-cam/", "no name", id="hyphen first"),
        pytest.param("rtsp://a..b/", "no name", id="empty label"),
        pytest.param(f"rtsp://{'a' * 64}/", "no name", id="long label"),
        pytest.param("rtsp://a|b/", "no name", id="bar"),
        pytest.param("rtsp://a,b/", "no name", id="comma"),
        pytest.param("concat:rtsp://a/b", "SCHEME", id="concat"),
        pytest.param("subfile,,start,0,end,9,,:rtsp://a/", "SCHEME", id="subfile"),
        pytest.param("tee:rtsp://a/b", "SCHEME", id="tee"),
        pytest.param("//cam/1", "SCHEME", id="no scheme"),
        pytest.param("rtsp:/cam/1", "SCHEME", id="one slash"),
        pytest.param("rtsp://cam/" + "a" * 2048, "characters", id="too long"),
        pytest.param("rtsp://cam/\ud800", "U\\+D800|half", id="half a character"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_address(text)
    assert "pass" not in str(caught.value).replace("password", "")


@given(st.text(min_size=1), st.text(st.characters(exclude_categories=["C"]), min_size=1))
def test_any_password_works_when_it_is_encoded(user: str, password: str) -> None:
    password = password.encode("utf-8", "ignore").decode() or "x"
    address = read_address(f"rtsp://joe:{quote(password, safe='')}@cam/1")
    assert (address.host, decoded(address.login)) == ("cam", f"joe:{password}")
    assert password == unquote(address.login.partition(":")[2])


@given(st.text(string.printable + "@:/?#[]%\\é\0\u2028", max_size=40))
def test_what_is_read_is_one_line_with_one_meaning(rest: str) -> None:
    try:
        address = read_address(f"http://{rest}")
    except ValueError:
        return
    assert address.url.isascii()
    assert address.url.isprintable()
    assert not set(' \\#"') & set(address.authority)
    assert urlsplit(address.url).hostname == address.host
    assert read_address(address.url) == address


def test_no_login_is_shown() -> None:
    assert "geheim" not in repr(read_address("rtsp://joe:geheim@cam/x?pw=geheim"))


def test_web_addresses_drop_what_is_never_sent() -> None:
    assert web_address("https://h/x#y") == "https://h/x"
    with pytest.raises(ValueError, match="written http://host"):
        web_address("ftp://h/x")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("my runs/run.db", "my runs/run.db"),
        ("sqlite:///my runs/run.db", "sqlite:///my runs/run.db"),
        ("postgresql+pg8000://u:p%20w@h/db", "postgresql+pg8000://u:p%20w@h/db"),
        ("postgresql:///db", "postgresql:///db"),
    ],
)
def test_databases(text: str, url: str) -> None:
    assert database_address(text) == url


@pytest.mark.parametrize("text", ["postgresql://u:a b@h/db", "sqlite:///a\nb", "mysql://0x7f.1/d"])
def test_no_databases(text: str) -> None:
    with pytest.raises(ValueError, match=r"write %20|one line|is 127"):
        database_address(text)

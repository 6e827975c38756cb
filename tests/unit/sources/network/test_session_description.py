from __future__ import annotations

from pathlib import Path

import pytest

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.live import SdpSource

HEAD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\n"
MEDIA = "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
LAN = ("10.0.0.0/8",)


def made(folder: Path, lines: str, hosts: tuple[str, ...] | None) -> SdpSource:
    path = folder / "cam.sdp"
    path.write_text(HEAD + lines)
    return SdpSource(path, options=LiveOptions(hosts=hosts))


@pytest.mark.parametrize(
    ("lines", "hosts", "line"),
    [
        pytest.param("c=IN IP4 10.1.2.3\r\n" + MEDIA, LAN, None, id="allowed"),
        pytest.param("c=IN IP4 192.168.1.2\r\n" + MEDIA, LAN, 4, id="of the session"),
        pytest.param("c=IN IP4 10.1.2.3\r\n" + MEDIA + "c=IN IP4 8.8.8.8/127\r\n", LAN, 7, id="of a stream"),
        pytest.param("c=IN IP6 fe80::1\r\n" + MEDIA, (), 4, id="link-local, without rules"),
        pytest.param("c=IN IP4 169.254.169.254\r\n" + MEDIA, (), 4, id="metadata, without rules"),
        pytest.param("c=IN IP4 8.8.8.8\r\n" + MEDIA, (), None, id="any other, without rules"),
        pytest.param("c=IN IP4 169.254.169.254\r\n" + MEDIA, None, None, id="nobody restricts"),
        pytest.param("c=IN IP4 10.1.2.3\r\n" + MEDIA + "a=rtcp:5005 IN IP4 8.8.8.8\r\n", LAN, 7, id="reports"),
        pytest.param(
            "c=IN IP4 10.1.2.3\r\na=source-filter: incl IN IP4 10.1.2.3 10.0.0.1 8.8.8.8\r\n" + MEDIA, LAN, 5,
            id="a filter's second source",
        ),
        pytest.param("c=IN IP4 no-such-host.invalid\r\n" + MEDIA, LAN, 4, id="a name that nobody knows"),
    ],
)  # fmt: skip
def test_hosts_of_a_description_are_looked_at(
    tmp_path: Path, lines: str, hosts: tuple[str, ...] | None, line: int | None
) -> None:
    if line is None:
        made(tmp_path, lines, hosts).close()
        return
    with pytest.raises(
        SourceError, match=rf"cam\.sdp:{line}: the (host .* may be connected|name .* not known)"
    ):
        made(tmp_path, lines, hosts)


def test_what_is_too_long_is_no_description(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no session description"):
        made(tmp_path, "a=x\r\n" * 20_000, LAN)

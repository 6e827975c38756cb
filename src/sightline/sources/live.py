"""Live streams: from the network, from somebody who sends here, and from cameras at this computer."""

from __future__ import annotations

from pathlib import Path

from sightline.config import LiveOptions
from sightline.sources.network.connection import camera_target, sdp_target, url_target
from sightline.sources.newest_frame import NewestFrameSource
from sightline.sources.turn import Turn


class LiveSource(NewestFrameSource):
    """A stream from the network: rtsp, rtsps, http, https, rtmp, rtmps, udp or rtp.

    Args:
        url: may hold a login; it is never shown.
        name: of the stream; the address without its login by default.
        options: time limits, transport, how to reconnect.
        turn: held while decoding, where many sources share few cores.

    Raises:
        SourceError: the address has another scheme, or no host.
    """

    def __init__(
        self,
        url: str,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        options = options or LiveOptions()
        target = url_target(url, options)
        super().__init__(target, name or target.label, options, turn)


class SdpSource(NewestFrameSource):
    """RTP streams that somebody sends here, as a session description (.sdp file) tells.

    Args:
        path: of the description.
        name: of the stream; the file's stem by default.

    Raises:
        SourceError: there is no such file, or it names a host that the options do not allow.
    """

    def __init__(
        self,
        path: str | Path,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        options = options or LiveOptions()
        super().__init__(sdp_target(path, options), name or Path(path).stem, options, turn)


class CameraSource(NewestFrameSource):
    """A camera at this computer, through Video4Linux, AVFoundation or Video for Windows.

    Args:
        device: its index, or the system's name for it (``/dev/video0``).
        name: of the stream; ``camera-0`` by default.

    Raises:
        SourceError: the system has no camera interface that is known here.
    """

    def __init__(
        self,
        device: int | str = 0,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(
            camera_target(device), name or f"camera-{device}", options or LiveOptions(), turn
        )

"""The wall clock of a camera, as its RTCP sender reports tell it (RFC 3550, section 6.4.1)."""

from __future__ import annotations

import logging
import struct
import time

from av import Packet

from sightline.wall_time import utc_text

_AGREE_S = 1e-3
_FARTHEST_S = 86_400.0
"""A clock that is further away than a day is not set, or counts from something else (its start)."""
_NOTABLE_S = 5.0
_WRAP_S = 2**32 / 90_000
"""RTP's 32-bit timestamps of video begin anew after so long; FFmpeg is that far off until the next
sender report."""

log = logging.getLogger(__name__)


class SenderClock:
    """Learns the offset between a stream's timestamps and the wall clock of who sends it.

    After the first sender report, FFmpeg gives every packet its wall-clock time (side data ``prft``,
    the producer reference time). The packet that completes with a report may carry the time of the
    next one, because the parser looks ahead. So an offset counts when two packets in a row agree on it.

    Args:
        label: names the source in the log.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._last: float | None = None
        self._offset: float | None = None
        self._told = False

    def note(self, packet: Packet) -> None:  # type: ignore[type-arg]  # a packet of any stream
        """Look at a packet. Costs a microsecond where it carries no time."""
        if packet.pts is None or not packet.has_sidedata("prft"):
            return
        microseconds, _flags = struct.unpack_from("=qi", bytes(packet.get_sidedata("prft")))
        offset = microseconds / 1e6 - float(packet.pts * packet.time_base)
        agreed = self._last is not None and abs(offset - self._last) < _AGREE_S
        self._last = offset
        if agreed and offset != self._offset and not self._is_wrap(offset):
            self._offset = offset
            self._compare(float(packet.pts * packet.time_base) + offset)

    def utc(self, pts_s: float | None) -> float | None:
        """The Unix time of the frame with this timestamp; None before the sender has told it."""
        if pts_s is None or self._offset is None:
            return None
        moment = pts_s + self._offset
        return moment if abs(moment - time.time()) < _FARTHEST_S else None

    def _is_wrap(self, offset: float) -> bool:
        return self._offset is not None and abs(abs(offset - self._offset) - _WRAP_S) < 1.0

    def _compare(self, moment: float) -> None:
        """Tell once when the sender's clock differs from this computer's."""
        ahead_s = moment - time.time()
        if self._told or abs(ahead_s) < _NOTABLE_S:
            return
        self._told = True
        if abs(ahead_s) >= _FARTHEST_S:
            log.warning(
                "%s: the camera's clock is not set (it says %s): frames get the time of their arrival",
                self._label, _shown(moment),
            )  # fmt: skip
            return
        log.warning(
            "%s: the camera's clock is %.1f s %s this computer's, and frames get the camera's time: "
            "set both by NTP, or `live.clock: arrival`",
            self._label, abs(ahead_s), "ahead of" if ahead_s > 0 else "behind",
        )  # fmt: skip


def _shown(moment: float) -> str:
    try:
        return utc_text(moment)
    except (OverflowError, ValueError, OSError):
        return "no date at all"

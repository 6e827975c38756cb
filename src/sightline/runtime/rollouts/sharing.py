"""Which of two models answers a picture, by its key and the share that the second has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sightline.config import RolloutKind
from sightline.types import Frame

FRAMES_IN_TURN = 250
"""A canary answers a stream for so many frames at a time: a tracker does not like another model each frame."""


class TrafficSharing:
    """The traffic of a model, shared with a second one.

    Args:
        names: of the first model and the second.
        kind: what the second is to the first.
        share: gives the part of the traffic that the second answers now.
        chance: gives numbers from 0 to 1, for pictures that belong to no key.
    """

    def __init__(
        self,
        names: tuple[str, str],
        kind: RolloutKind,
        share: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._names, self._kind, self._share, self._chance = names, kind, share, chance

    def chooses_second(self, key: str | None) -> bool:
        """Whether the second model is to answer; always the same for one key and share.

        As the share grows, who was moved over stays.
        """
        if self._kind == "shadow":
            return False
        if key is None:
            return self._chance() < self._share()
        first, second = self._names
        place = hashlib.blake2b(f"{first}\0{second}\0{key}".encode(), digest_size=8)
        return int.from_bytes(place.digest()) / 2**64 < self._share()

    def key_of_frame(self, frame: Frame) -> str:
        """Which frames of streams belong together: of a canary some seconds of a stream, else all of it.

        So a canary comes to see every stream, also where there is only one.
        """
        if self._kind != "canary":
            return frame.stream
        return f"{frame.stream} {frame.index // FRAMES_IN_TURN}"

    def model_of_stream(self, stream: str) -> str:
        """The name of the model that answers a stream; of a canary, the first model's."""
        return self._names[self._kind == "split" and self.chooses_second(stream)]

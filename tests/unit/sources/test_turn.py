"""The turn of a reader that is alone."""

from __future__ import annotations

import pytest

from sightline.sources.turn import EveryPacket, Turn


@pytest.mark.parametrize(("key", "at_s"), [(True, 0.0), (False, 3.5), (False, None)])
def test_everything_is_decoded(key: bool, at_s: float | None) -> None:
    assert EveryPacket().admits(key, at_s)


def test_nobody_is_waited_for_and_errors_go_through() -> None:
    turn: Turn = EveryPacket()
    with turn, turn:  # it may be held twice: no lock is behind it
        pass
    with pytest.raises(ValueError, match="of decoding"), turn:
        raise ValueError("of decoding")

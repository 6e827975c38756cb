"""The places of frames: what did not come counts, and nothing else does."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sightline.sources.places import FramePlaces


@dataclass(frozen=True)
class Packet:
    """A packet that is read; then frames come out."""

    time: int | None
    frames: tuple[int | None, ...] = ()
    left_out: int = 0
    torn: bool = False


def read(*times: int | None) -> list[Packet]:
    """Packets that each bring their own frame."""
    return [Packet(time, (time,)) for time in times]


@dataclass(frozen=True)
class Case:
    packets: list[Packet]
    expected: list[int | None]
    step: float | None = 10
    options: dict[str, bool] = field(default_factory=dict)


CASES = {
    "all well": Case(read(0, 10, 20), [0, 1, 2]),
    "one damaged": Case([*read(0, 10), Packet(20, left_out=1), *read(30)], [0, 1, 3]),
    "swallowed without a word": Case([*read(0, 10), Packet(20), Packet(30), *read(40)], [0, 1, 4]),
    "damaged first": Case([Packet(0, left_out=1), *read(10, 20)], [1, 2]),
    "frames that cannot be shown at the start": Case([Packet(0), *read(10, 20)], [0, 1]),
    "the damage is known before the frames around it come out": Case(
        [*read(0), Packet(30, left_out=1), Packet(10), Packet(20, (10,)), Packet(40, (20, 40))],
        [0, 1, 2, 4],
    ),
    "second fields are no frames": Case(
        [Packet(0, (0,)), Packet(5), Packet(10, (10,)), Packet(15), Packet(20, (20,))], [0, 1, 2]
    ),
    "a variable rate": Case(read(0, 10, 500, 510), [0, 1, 2, 3]),
    "a variable rate, one damaged": Case(
        [*read(0, 10), Packet(300, left_out=1), *read(500)], [0, 1, 3]
    ),
    "no rate": Case([*read(0), Packet(10, left_out=1), *read(20)], [0, 2], step=None),
    "no timestamps": Case([*read(None), Packet(None, left_out=1), *read(None)], [0, 2]),
    "timestamps in the order of decoding": Case(
        [Packet(0, (20,)), Packet(20, (0,)), Packet(40, (40,)), Packet(60, left_out=1, frames=(80,))],
        [0, 1, 2, 4],
        options={"timed": False},
    ),
    "timestamps run back": Case(read(0, 10, 20, 0, 10, 20), [0, 1, 2, 3, 4, 5]),
    "late near damage": Case(
        [*read(0, 10), Packet(20), Packet(30, left_out=1), Packet(40, (40, 20)), *read(50)],
        [0, 1, 4, None, 5],
    ),
    "the container lost some": Case([*read(0, 10), Packet(50, (50,), torn=True), *read(60)],
                                    [0, 1, 5, 6]),
    "a timestamp that is damaged itself": Case(
        [*read(0, 10), Packet(9_000_000, (9_000_000,), torn=True), *read(9_000_010)], [0, 1, 2, 3]
    ),
    "more than can wait": Case(
        [*read(0), *(Packet(i * 10) for i in range(1, 6000)), *read(60000)], [0, 6000]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_places(case: Case) -> None:
    places = FramePlaces(case.step, **case.options)
    found: list[int | None] = []
    for packet in case.packets:
        places.note_packet(packet.time)
        if packet.left_out:
            places.note_left_out(packet.left_out)
        if packet.torn:
            places.note_torn()
        found.extend(places.place(time) for time in packet.frames)
    assert found == case.expected

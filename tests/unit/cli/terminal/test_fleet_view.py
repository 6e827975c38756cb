"""The live table of streams: readable on a narrow terminal, and logs do not break it."""

from __future__ import annotations

import io
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sightline.cli.terminal import fleet_view
from sightline.config import OutputOptions
from sightline.types import StreamStats

ERROR = "rtsp://gate.example:8554/stream1: no answer within 5 s: check the network [and the camera]"


def stream(name: str, state: str = "running", error: str | None = None) -> StreamStats:
    return StreamStats(
        name, state, "rtsp://x", "street", read=100_000, analyzed=50_000, dropped={"stale": 49_999},
        objects=200_000, fps_in=24.9, fps_analyzed=12.3, age_p99_ms=123.4, error=error,
    )  # fmt: skip


def lines(*streams: StreamStats, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as text:
        console.print(fleet_view.shown({one.name: one for one in streams}))
    return text.get().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["gate", "g" * 64], ids=["a short name", "the longest name"])
def test_an_error_leaves_the_numbers_readable(name: str, width: int) -> None:
    head, first, second, error = lines(
        stream(name, "reconnecting", ERROR), stream("yard"), width=width
    )
    assert head.split() == [
        "stream",
        "state",
        "fps",
        "in",
        "analysed",
        "age",
        "p99",
        "left",
        "out",
        "objects",
    ]
    assert first.startswith(name[:19])
    numbers = ["24.9", "12.3", "123", "ms", "49999", "200000"]
    assert first.split()[1:] == ["reconnecting", *numbers]
    assert second.split() == ["yard", "running", *numbers]
    assert error.startswith(f"{name}: rtsp://")
    assert len(error) <= width


def test_the_error_is_told_as_it_is() -> None:
    assert lines(stream("gate", "failed", ERROR), width=200)[-1] == f"gate: {ERROR}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_logs_go_above_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(fleet_view, "PERIOD_S", 60)
    handler = logging.StreamHandler(terminal)
    fleet = SimpleNamespace(stats=lambda: {"gate": stream("gate")})
    installation: Any = SimpleNamespace(
        configuration=SimpleNamespace(streams={"gate": SimpleNamespace(outputs=OutputOptions())}),
        site=SimpleNamespace(fleet=fleet),
    )
    logger = logging.getLogger()
    logger.addHandler(handler)
    try:
        with fleet_view.fleet_view(installation, quiet=False):
            assert handler.stream is not terminal, "Rich must know of what is written"
            logger.warning("the gate is open")
        assert handler.stream is terminal
    finally:
        logger.removeHandler(handler)
    assert terminal.getvalue().count("the gate is open\n") == 1
    assert sys.stderr is terminal

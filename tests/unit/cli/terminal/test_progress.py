"""Progress is told as it is, whatever a file promises."""

from __future__ import annotations

import time

import pytest

from sightline.cli.terminal import progress as module
from sightline.cli.terminal.progress import Lines
from sightline.runtime.streams.stream import StreamResult
from sightline.types import StreamInfo


@pytest.mark.parametrize(
    ("frames", "promised", "told"),
    [
        pytest.param(40, 60, "frame 40 of 60,", id="usual"),
        pytest.param(60, 60, "frame 60 of 60,", id="at the end"),
        pytest.param(110, 60, "frame 110,", id="more than the duration promised"),
        pytest.param(7, None, "frame 7,", id="nobody knows"),
    ],
)
def test_no_more_frames_than_there_are(
    frames: int,
    promised: int | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    info = StreamInfo("gate", 64, 48, 25.0, promised)
    result = StreamResult("gate", info, frames, started_at=time.monotonic() - 1)
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    with Lines([result]) as lines:
        lines.show()
    assert f"gate: {told}" in capsys.readouterr().err

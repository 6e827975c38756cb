"""Hints are logged once."""

from __future__ import annotations

import pytest

from sightline.models.decoders.hint import Hint


def test_each_hint_is_given_once(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Hint("boxes of 100 % width"), Hint("logits")
    for hint in (first, first, second, first):
        hint.give()
    assert [r.getMessage() for r in caplog.records] == ["boxes of 100 % width", "logits"]
    assert {r.levelname for r in caplog.records} == {"WARNING"}

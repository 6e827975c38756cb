"""The size of the network's input for each picture."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.models.canvas import CanvasRule
from sightline.models.model_card import ModelCard


def card(**fields: Any) -> ModelCard:
    known = {
        "name": "m",
        "decoder": "yolov8",
        "size": (640, 640),
        "fixed_size": False,
        "stride": 32,
    }
    return ModelCard(**(known | fields))


WIDE, HIGH, SQUARE = (1920, 1080), (1080, 1920), (500, 500)


@pytest.mark.parametrize(
    ("made", "size", "canvases"),
    [
        pytest.param(card(), None, [(640, 384), (384, 640), (640, 640)], id="fitted"),
        pytest.param(card(), 320, [(320, 192), (192, 320), (320, 320)], id="a longer side"),
        pytest.param(card(), (320, 96), [(320, 96)] * 3, id="both sides"),
        pytest.param(card(resize="stretch"), None, [(640, 640)] * 3, id="stretched"),
        pytest.param(card(resize="stretch"), 320, [(320, 320)] * 3, id="stretched, smaller"),
        pytest.param(card(fixed_size=True, size=(640, 384)), None, [(640, 384)] * 3, id="fixed"),
        pytest.param(card(fixed_size=True, size=(640, 384)), 640, [(640, 384)] * 3, id="as it is"),
    ],
)
def test_the_canvas_of_a_picture(
    made: ModelCard, size: Any, canvases: list[tuple[int, int]]
) -> None:
    rule = CanvasRule.of(made, size)
    assert [rule.canvas(source) for source in (WIDE, HIGH, SQUARE)] == canvases


@pytest.mark.parametrize(
    ("made", "size", "said"),
    [
        (card(fixed_size=True), 320, "takes 640×640 only, not 320; export it with a dynamic"),
        (card(), 330, "size 330: sides must be multiples of 32: take 320 or 352 instead of 330"),
        (card(), (320, 100), "size 320x100: .* take 96 or 128 instead of 100"),
        (card(), 10, "take 32 instead of 10"),
        (card(), 0, "take 32 instead of 0"),
        (card(), -64, "take 32 instead of -64"),
        (card(stride=64), 32, "multiples of 64: take 64 instead of 32"),
    ],
)
def test_sizes_that_a_model_cannot_take(made: ModelCard, size: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CanvasRule.of(made, size)


def test_a_few_canvases_hold_all_pictures() -> None:
    rule = CanvasRule.of(card(), None).with_aspects([(16, 9), (1, 1), (9, 16)])
    assert rule.few == ((384, 640), (640, 384), (640, 640))
    assert rule.canvas(WIDE) == (640, 384)
    assert rule.canvas((1920, 800)) == (640, 384)  # 640×288 would do, and is none of them
    assert rule.canvas((1000, 900)) == (640, 640)


def test_a_rule_in_words() -> None:
    assert str(CanvasRule.of(card(), 320)) == "320 on the longer side"
    assert str(CanvasRule.of(card(), (320, 96))) == "320×96"

"""Fields that only some detections have, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.types.whole_detections import NAMES, same

from sightline.types import Detections


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": None}, "masks are known in 1 of 2 parts only"),
        ({"track_ids": None}, "track_ids are known in 1 of 2"),
        ({"angles": None}, "angles are known in 1 of 2"),
        ({"class_names": ("cat",)}, "different class names"),
        ({"masks": np.zeros((3, 9, 9), bool)}, "5×4 and 9×9 cannot be put together"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_go_together(three: Detections, change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Detections.concatenate([three, replace(three, **change)])


def test_nothing_put_together_is_nothing(three: Detections) -> None:
    same(Detections.concatenate([]), Detections.empty())
    nothing = Detections.concatenate([three[:0], three[:0]])
    assert (len(nothing), nothing.class_names) == (0, NAMES)
    assert nothing.track_ids is not None

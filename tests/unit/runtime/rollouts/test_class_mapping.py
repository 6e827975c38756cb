"""Two models' classes, brought together by their names."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.runtime.rollouts.class_mapping import ModelClasses, class_mapping
from sightline.types import Detections

OWN = ModelClasses("old", ("person", "car"))


def found(*class_ids: int) -> Detections:
    n = len(class_ids)
    return Detections(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.array(class_ids, np.int64)
    )


@pytest.mark.parametrize(
    ("classes", "class_map", "told", "wanted"),
    [
        pytest.param(("person", "car"), {}, [0, 1], [0, 1], id="alike"),
        pytest.param(("car", "person"), {}, [0, 1], [1, 0], id="another order"),
        pytest.param(("bus", "car", "person"), {}, [0, 1, 2], [1, 0], id="one more is left out"),
        pytest.param(
            ("human", "car", "van"), {"human": "person", "van": "car"}, [0, 1, 2], [0, 1, 1],
            id="renamed",
        ),
        pytest.param(
            ("person", "car", "bus"), {"bus": None}, [2, 0], [0], id="left out by name"
        ),
    ],
)  # fmt: skip
def test_classes_are_called_as_the_first_model_does(
    classes: tuple[str, ...], class_map: dict[str, str | None], told: list[int], wanted: list[int]
) -> None:
    mapping = class_mapping(OWN, ModelClasses("new", classes), class_map)
    assert mapping(found(*told)).class_ids.tolist() == wanted


@pytest.mark.parametrize(
    ("classes", "class_map", "message"),
    [
        pytest.param(("car", "bus"), {}, "model new has no class person as model old has", id="lacks one"),
        pytest.param(("person", "car"), {"lorry": "car"}, "model new has no class lorry", id="unknown"),
        pytest.param((), {}, "model new has no class names", id="no names"),
        pytest.param(("person", "car"), {"car": None}, "has no class car", id="mapped away"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_compared_are_refused_by_the_name_of_their_classes(
    classes: tuple[str, ...], class_map: dict[str, str | None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        class_mapping(OWN, ModelClasses("new", classes), class_map)

"""What detectors around detectors ask of those that they are made of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import get_protocol_members

from sightline.errors import ConfigError
from sightline.models.composites.parts import USUAL_CONF, conf_of, engines_wrapped, shared
from sightline.protocols import TrackableDetector


class Plain:
    """A detector that has no engine of its own."""

    def __str__(self) -> str:
        return "my detector"

    def submit(self, frame: Any) -> Any:
        return frame


def test_a_detector_without_engines_is_named_with_what_to_give() -> None:
    told = "my detector: it has no engine that could be shared: give a model file"
    for use in (shared, lambda part: engines_wrapped(part, lambda engine: engine)):
        with pytest.raises(ConfigError, match=told):
            use(Plain())  # type: ignore[arg-type, operator]


def test_engines_of_a_part_are_wrapped() -> None:
    class Part(Plain):
        def with_engines(self, wrap: Any) -> Any:
            return wrap("engine")

    assert engines_wrapped(Part(), lambda engine: ("wrapped", engine)) == ("wrapped", "engine")  # type: ignore[arg-type]


def test_the_lowest_score_is_the_parts_own_where_it_tells() -> None:
    assert conf_of(Plain()) == USUAL_CONF  # type: ignore[arg-type]
    part = SimpleNamespace(
        **(dict.fromkeys(get_protocol_members(TrackableDetector), print) | {"conf": 0.4})
    )
    assert conf_of(part) == 0.4  # type: ignore[arg-type]

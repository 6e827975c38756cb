"""Requirements of scores."""

from __future__ import annotations

import math

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.detection import ClassScores, DetectionScores
from sightline.evaluation.requirements import (
    Requirement,
    named_scores,
    read_requirement,
    score_names,
)

NAMES = score_names(DetectionScores, ClassScores, ("person", "a=b"))


def test_names() -> None:
    scores = DetectionScores(
        *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6), {"person": ClassScores(0.7, 0.8, 0.9, 10)}
    )
    named = named_scores(scores)
    assert named["map50"] == 0.2
    assert named["person.ap"] == 0.7
    assert list(named) == score_names(DetectionScores, ClassScores, ("person",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("map50=0.9", Requirement("map50", 0.9), id="plain"),
        pytest.param(" person.ap = .5 ", Requirement("person.ap", 0.5), id="class"),
        pytest.param("a=b.ap=1", Requirement("a=b.ap", 1), id="equals sign in a name"),
    ],
)
def test_reading(text: str, expected: Requirement) -> None:
    assert read_requirement(text, NAMES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("mapp50=0.9", "no score mapp50: did you mean map50", id="unknown"),
        pytest.param("persn.ap=1", "did you mean person.ap", id="unknown class"),
        pytest.param("xyz=1", "there are map, map50", id="nothing near"),
        pytest.param("map50", "such as map50=0.9", id="no value"),
        pytest.param("map50=good", "such as map50=0.9", id="no number"),
        pytest.param("map50=nan", "such as map50=0.9", id="nan"),
        pytest.param("=1", "such as map50=0.9", id="no name"),
    ],
)
def test_bad_text(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_requirement(text, NAMES)


@pytest.mark.parametrize(
    ("name", "value", "wanted", "complaint"),
    [
        pytest.param("map", 0.9, 0.9, None, id="just met"),
        pytest.param("map", 0.8999, 0.9, "map is 0.8999: at least 0.9 is wanted", id="below"),
        pytest.param("map", math.nan, 0, "map is not known", id="nan"),
        pytest.param("switches", 3, 3, None, id="at most"),
        pytest.param("switches", 4, 3, "at most 3 is wanted", id="above"),
        pytest.param("person.misses", 4, 3, "at most 3 is wanted", id="above in a class"),
    ],
)
def test_complaints(name: str, value: float, wanted: float, complaint: str | None) -> None:
    text = Requirement(name, wanted).complaint({name: value})
    if complaint is None:
        assert text is None
    else:
        assert text is not None
        assert complaint in text

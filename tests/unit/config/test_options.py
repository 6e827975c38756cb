"""Options made from keyword arguments, and what is said of wrong ones."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.unit.config.refused import refusal

from sightline.config import Configuration, StreamOptions
from sightline.config.options import Options, checked, refuse_inconsistent
from sightline.config.stages import ClassifyOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({}, "source: it is missing", id="missing"),
        pytest.param({"source": "a", "fps": 0}, "fps: it must be more than 0, not 0", id="a limit"),
        pytest.param(
            {"source": "a", "live": {"transport": "tls"}},
            "live.transport: it must be 'tcp' or 'udp', not 'tls'",
            id="a choice",
        ),
        pytest.param(
            {"source": "a", "stages": [{"kind": "classify", "model": "m", "sure": 2}]},
            "stages.0.sure: it must be 1 or less, not 2",
            id="within one of several kinds: the kind is no place",
        ),
        pytest.param(
            {"source": "a", "stages": [{"kind": "embed", "model": "m", "betters": 2}]},
            "stages.0.betters: there is no such option; did you mean better?",
            id="a word that is nearly an option of the kind",
        ),
        pytest.param(
            {"source": "a", "max_fps": 2},
            "max_fps: there is no such option; it stands under adaptive",
            id="a word of a section",
        ),
        pytest.param(
            {"source": "a\0.mp4"},
            r"source: it holds the character NUL (\0): leave it out",
            id="a text that no file can be called",
        ),
        pytest.param(
            {"source": "a", "outputs": {"csv": "a\0.csv"}},
            r"outputs.csv: it holds the character NUL (\0): leave it out",
            id="a path that no file can have",
        ),
        pytest.param(
            {"source": "a", "bananas": 1}, "bananas: there is no such option", id="no such word"
        ),
    ],
)
def test_the_first_mistake_is_told_with_its_place(values: dict[str, object], message: str) -> None:
    assert refusal(StreamOptions, **values) == message


@pytest.mark.parametrize(
    ("values", "secret"),
    [
        ({"source": "a", "live": {"hosts": "rtsp://u:hunter2@h"}}, "hunter2"),
        ({"source": ["rtsp://u:hunter2@h"]}, "hunter2"),
        ({"source": "a", "fps": "rtsp://u:hunter2@h"}, "hunter2"),
    ],
)
def test_secrets_are_not_told(values: dict[str, object], secret: str) -> None:
    assert secret not in refusal(StreamOptions, **values)


def test_options_do_not_change() -> None:
    options = ClassifyOptions(model="m")
    with pytest.raises(ValidationError, match="frozen"):
        options.model = "other"


def test_several_inconsistencies_are_one_error() -> None:
    refuse_inconsistent([])
    with pytest.raises(Exception, match=r"^a\.0: first; b: second$"):
        refuse_inconsistent([(("a", 0), "first"), (("b",), "second")])


@pytest.mark.parametrize("name", ["street", "gate-1", "a.b_c", "0", "x" * 64])
def test_names(name: str) -> None:
    assert name in checked(Configuration, models={name: {"model": "m"}}).models


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "a b", "ä", "x" * 65, "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert refusal(Configuration, models={name: {"model": "m"}})


def test_numbers_are_finite() -> None:
    class Rate(Options):
        fps: float

    assert refusal(Rate, fps=float("nan")).startswith("fps: it must be a finite number")

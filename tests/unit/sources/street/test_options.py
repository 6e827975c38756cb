"""What may be asked of a street, and what is said when it may not."""

from __future__ import annotations

import pytest

from sightline.errors import ConfigError
from sightline.sources.street import StreetOptions


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("street://", {}, id="all defaults"),
        pytest.param("street://?seed=7&light=night", {"seed": 7, "light": "night"}, id="two"),
        pytest.param(
            "street://?density=0.5&fps=12.5", {"density": 0.5, "fps": 12.5}, id="decimals"
        ),
        pytest.param("street://?live=1", {"live": True}, id="live"),
        pytest.param("street://?weather=random", {"weather": "random"}, id="random"),
    ],
)
def test_url(url: str, expected: dict[str, object]) -> None:
    options = StreetOptions.from_url(url)
    assert options == StreetOptions(**expected)
    assert StreetOptions.from_url(options.url()) == options


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("street://?sede=7", "did you mean 'seed'", id="unknown key"),
        pytest.param("street://?zzzz=7", "there are seed, width", id="key like no other"),
        pytest.param("street://?weather=foggy", "did you mean 'fog'", id="unknown weather"),
        pytest.param("street://?camera=mastt", "did you mean 'mast'", id="unknown camera"),
        pytest.param("street://?light=x", "day, dusk, night, random", id="light like no other"),
        pytest.param("street://?width=12", "width=12: it must be ", id="too small"),
        pytest.param("street://?seed=one", "seed=one: it must be a whole number", id="no number"),
        pytest.param("street://?density=9", "density=9: it must be ", id="too dense"),
        pytest.param("street://?seed=1&seed=2", "given twice", id="repeated"),
        pytest.param("street://main?seed=1", "is written street://?", id="a host"),
        pytest.param("http://?seed=1", "is written street://?", id="another scheme"),
    ],
)
def test_bad_url(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?").replace(".", r"\.")):
        StreetOptions.from_url(url)


def test_random_values_are_drawn_from_the_seed() -> None:
    asked = {"weather": "random", "light": "random", "camera": "random", "density": "random"}
    drawn = [StreetOptions(seed=seed, **asked).resolved() for seed in range(40)]
    assert drawn == [StreetOptions(seed=seed, **asked).resolved() for seed in range(40)]
    assert {o.weather for o in drawn} == {"clear", "rain", "fog"}
    assert {o.light for o in drawn} == {"day", "dusk", "night"}
    assert {o.camera for o in drawn} == {"mast", "corner", "high", "low"}
    assert len({o.density for o in drawn}) > 20


def test_what_is_not_random_stays() -> None:
    options = StreetOptions(seed=3, weather="random", light="night", density=0.3).resolved()
    assert (options.light, options.density, options.camera) == ("night", 0.3, "mast")


def test_number_of_frames() -> None:
    assert StreetOptions(duration=2, fps=12.5).frames == 25
    assert StreetOptions(duration=0).frames is None

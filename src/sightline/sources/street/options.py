"""Options of a ``street://`` scene: a frozen model, and the URL that spells it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.config.value_errors import in_words
from sightline.errors import ConfigError

HELD_OUT_SEED = 10_000
"""Seeds from here on are for evaluation only: nothing may be trained or tuned on them."""

Weather = Literal["clear", "rain", "fog"]
Light = Literal["day", "dusk", "night"]
Paint = Literal["usual", "bright"]
View = Literal["mast", "corner", "high", "low"]
RANDOM = "random"


class StreetOptions(BaseModel):
    """What a street scene shows. The same options give the same bytes on every machine.

    ``weather``, ``light``, ``camera`` and ``density`` may be ``"random"``: drawn from the seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=2**32, description="Everything random is drawn from it.")
    width: int = Field(640, ge=64, le=3840, description="Picture width in pixels.")
    height: int = Field(384, ge=64, le=2160, description="Picture height in pixels.")
    fps: float = Field(25.0, ge=1, le=240, description="Frames per second.")
    duration: float = Field(20.0, ge=0, description="Length in seconds; 0 never ends.")
    density: Annotated[float, Field(ge=0, le=4)] | Literal["random"] = Field(
        1.0, description="Traffic: 0 is empty, 1 is busy, 4 is the most."
    )
    weather: Weather | Literal["random"] = "clear"
    light: Light | Literal["random"] = "day"
    camera: View | Literal["random"] = "mast"
    noise: float = Field(1.0, ge=0, le=4, description="Strength of the sensor's noise.")
    blur: float = Field(1.0, ge=0, le=4, description="Lens blur; 0 is perfectly sharp.")
    shake: float = Field(1.0, ge=0, le=4, description="How far the mast sways, in pixels.")
    pan: int = Field(
        0, ge=0, le=640, description="How far the camera turns to either side, in pixels."
    )
    turn: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="Camera turned right by this share of the picture's width.",
    )
    zoom: float = Field(1.0, ge=0.5, le=2, description="Focal length, as a multiple of the usual.")
    exposure: float = Field(
        0.0, ge=-3, le=3, description="Stops by which pictures are overexposed."
    )
    snow: float = Field(0.0, ge=0, le=4, description="Snow that sticks to the lens.")
    frozen: bool = Field(False, description="The camera repeats its first picture.")
    trucks: float = Field(0.0, ge=0, le=1, description="Share of the cars that are trucks instead.")
    paint: Paint = Field("usual", description="Colours of cars and trucks; bright: yellow, orange.")
    start: float = Field(
        0.0, ge=0, le=1e6, description="Seconds of the scene before the first frame."
    )
    jpeg: int = Field(0, ge=0, le=100, description="JPEG quality of the camera; 0 is lossless.")
    live: bool = Field(False, description="Pace frames to real time, as a camera does.")

    @classmethod
    def from_url(cls, url: str) -> StreetOptions:
        """Options of ``street://?seed=7&light=night``.

        Raises:
            ConfigError: not a street URL, an unknown or repeated key, or a value that does not
                fit; the message names the nearest key or value.
        """
        parts = urlsplit(url)
        if parts.scheme != "street" or parts.netloc or parts.path.strip("/") or parts.fragment:
            raise ConfigError(f"{url}: a street is written street://?seed=7&light=night")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        values = dict(pairs)
        if len(values) < len(pairs):
            raise ConfigError(f"{url}: an option is given twice")
        for key in values:
            if key not in cls.model_fields:
                raise ConfigError(f"{url}: no option {key!r}{_nearest(key, cls.model_fields)}")
        return cls.from_values(values, url)

    @classmethod
    def from_values(cls, values: dict[str, Any], where: str = "street") -> StreetOptions:
        """Options of a mapping; ``where`` names its origin in messages. Raises ConfigError."""
        try:
            return cls(**values)
        except ValidationError as exc:
            first = exc.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            message = in_words(first["type"], first.get("ctx", {}), first["msg"])
            raise ConfigError(_explain(where, key, values, message)) from exc

    def url(self) -> str:
        """The URL that gives these options; only what differs from the defaults is in it."""
        changed = self.model_dump(exclude_defaults=True)
        query = {k: int(v) if isinstance(v, bool) else v for k, v in changed.items()}
        return f"street://?{urlencode(query)}"

    def resolved(self) -> StreetOptions:
        """The same options with every ``random`` value drawn from the seed."""
        draw = np.random.Generator(np.random.PCG64([self.seed, 0])).random(4).tolist()
        values = self.model_dump()
        for at, (key, kind) in enumerate(_CHOICES.items()):
            if values[key] == RANDOM:
                choices = get_args(kind)
                values[key] = choices[int(draw[at] * len(choices))]
        if self.density == RANDOM:
            values["density"] = round(0.5 + 1.5 * draw[3], 2)
        return StreetOptions(**values)

    @property
    def frames(self) -> int | None:
        """How many frames there are, or None for an endless scene."""
        return round(self.duration * self.fps) if self.duration else None


_CHOICES: dict[str, Any] = {"weather": Weather, "light": Light, "camera": View}
"""What may be random: drawn from the seed in this order."""


def _nearest(word: str, words: Any) -> str:
    """A half sentence that names what was probably meant."""
    known = list(words)
    found = get_close_matches(word, known, 1, 0.5)
    return f"; did you mean {found[0]!r}?" if found else f"; there are {', '.join(known)}"


def _explain(where: str, key: str, values: dict[str, object], message: str) -> str:
    if key not in StreetOptions.model_fields:
        return f"{where}: no option {key!r}{_nearest(key, StreetOptions.model_fields)}"
    value = values.get(key)
    if key in _CHOICES:
        words = (*get_args(_CHOICES[key]), RANDOM)
        return f"{where}: {key} cannot be {value!r}{_nearest(str(value), words)}"
    return f"{where}: {key}={value}: {message}"

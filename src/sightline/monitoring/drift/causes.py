"""What is the likely cause of a drift, and what to do about it, in words.

Each cause has a signature: which statistics it moves, which way, and how much beside one another. The cause is the
one whose signature points the same way as what was measured (the cosine of the two), however strong it is. Some
statistics decide by themselves: a picture that does not change is frozen, whatever else it shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sightline.monitoring.drift.detector import DriftState
from sightline.monitoring.profiles.statistic import LOOKS, parts_of

_SEEN = 0.4
"""Effects below this part of their limit say nothing of the cause."""
_LIKELY = 0.45
"""A signature must fit at least so well to be named."""
_NEAR = 0.85
"""Other causes are named whose signatures fit so well beside the best one."""


@dataclass(frozen=True, slots=True)
class CauseKind:
    """A cause that is known.

    Args:
        words: what has happened, of the camera or of what it shows.
        advice: what to do.
        signature: by statistic, how much it is moved; negative: it is lower than usual.
        decided_by: a statistic that leaves no doubt where it is beyond its limit.
        largest: only where it is also the largest change.
        unless: not where this statistic is beyond its limit as well.
        needs: only where this statistic is higher than usual.
    """

    words: str
    advice: str
    signature: Mapping[str, float]
    decided_by: str | None = None
    largest: bool = False
    unless: str | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause: the name of its kind, how well its signature fits (0 to 1), sentence and advice."""

    name: str
    fit: float
    words: str
    advice: str


CAUSES: dict[str, CauseKind] = {
    "frozen": CauseKind(
        "the camera repeats the same picture",
        "restart the camera or its encoder",
        {"frozen": 1, "motion": -0.8, "track_age": 0.8},
        decided_by="frozen",
    ),
    "hidden": CauseKind(
        "a part of the picture, or all of it, shows nothing: tape, a bag, a hand or a wall is before the lens",
        "look at the camera, and remove what hides its view",
        {"hidden": 1, "places": 0.5, "edges": -0.5, "objects": -0.5},
        decided_by="hidden",
    ),
    "zoomed": CauseKind(
        "the camera was zoomed, or another lens is in it",
        "set the zoom back; or draw zones anew and learn the reference again",
        {"view_zoom": 1, "places": 0.5, "size": 0.4},
        decided_by="view_zoom",
    ),
    "moved": CauseKind(
        "the camera looks somewhere else",
        "turn the camera back; or draw zones anew and learn the reference again",
        {"view_shift": 1, "places": 0.6},
        decided_by="view_shift",
    ),
    "covered": CauseKind(
        "something covers a part of the lens: snow, dirt, a leaf, a cobweb",
        "clean the lens",
        {"covered": 1, "edges": -0.8, "brightness": 0.3, "places": 0.3, "saturation": -0.3},
        decided_by="covered",
        largest=True,
        unless="classes",  # lorries hide what is behind them, too
    ),
    "night": CauseKind(
        "the scene is darker, and lit by lamps",
        "if that is usual at this time, learn the reference over whole days; train with night frames, or give "
        "the scene light",
        {
            "colours": 1, "brightness": -0.9, "noise": 0.9, "shadows": -0.7, "highlights": -0.6, "covered": 0.6,
            "object_colours": 0.6, "red_cast": 0.6, "blue_cast": -0.5, "sharpness": 0.4, "edges": -0.4,
        },
    ),
    "fog": CauseKind(
        "fog, haze or a misted lens: what is far has lost its contrast",
        "wait for the weather, or wipe the lens; small and far objects are missed meanwhile: train with fog",
        {
            "shadows": 1, "edges": -1, "brightness": 0.9, "contrast": -0.9, "colours": 0.8, "covered": 0.6,
            "saturation": -0.5, "blue_cast": 0.4, "sharpness": 0.4, "motion": -0.3,
        },
    ),
    "rain": CauseKind(
        "rain, or drops that run down the lens",
        "wait for the weather; if detections suffer, train with rain",
        {
            "contrast": -1, "highlights": -1, "streaks": 0.9, "edges": -0.9, "colours": 0.6, "shadows": 0.4,
            "saturation": -0.4, "sharpness": 0.4, "brightness": -0.3,
        },
    ),
    "blurred": CauseKind(
        "the picture is out of focus, or smeared",
        "focus the lens, or clean it",
        {"sharpness": -1, "edges": -0.8, "noise": -0.3, "confidence": -0.3},
    ),
    "compressed": CauseKind(
        "the picture is compressed more than it was",
        "look at the camera's bit rate and quality, and at the network",
        {"blockiness": 1, "noise": -0.8, "colours": 0.7, "sharpness": -0.7},
        needs="blockiness",  # a patch of one shade has no noise either
    ),
    "noisy": CauseKind(
        "the picture is noisier at the same light",
        "look at the camera's gain, and at its temperature",
        {"noise": 1, "sharpness": 0.8, "edges": 0.5},
    ),
    "overexposed": CauseKind(
        "pictures are overexposed",
        "look at the camera's exposure and gain, and whether the sun shines into it",
        {
            "brightness": 1, "highlights": 0.9, "contrast": 0.7, "shadows": 0.6, "edges": 0.5, "colours": 0.4,
            "object_colours": 0.4, "saturation": 0.3,
        },
    ),
    "underexposed": CauseKind(
        "pictures are underexposed: all of the scene is darker, evenly",
        "look at the camera's exposure, and at its aperture",
        {
            "brightness": -1, "highlights": -1, "contrast": -0.9, "edges": -0.8, "shadows": -0.7, "colours": 0.4,
            "saturation": -0.4, "motion": -0.3,
        },
    ),
    "classes": CauseKind(
        "other kinds of objects come than before",
        "look at some of them; where they are right, learn the reference again, and train with them if they are "
        "rare in the training data",
        {"classes": 1, "covered": 0.5, "places": 0.4, "size": 0.3, "object_colours": 0.2},
    ),
    "object_colours": CauseKind(
        "objects look other than before: they have other colours",
        "look at some of them; add such pictures to the training data",
        {"object_colours": 1, "blue_cast": -0.3, "colours": 0.3, "saturation": 0.3},
    ),
    "busier": CauseKind(
        "more objects are there than before",
        "if that is to be expected, learn the reference again; look at whether they are real",
        {"objects": 1, "places": 0.4, "motion": 0.3},
    ),
    "emptier": CauseKind(
        "fewer objects are found than before",
        "look at whether there are fewer, or whether they are missed",
        {"objects": -1, "places": 0.4, "confidence": -0.3},
    ),
    LOOKS: CauseKind(
        "objects look different from those before, though the picture, their classes and colours are as usual",
        "look at the newest objects; where they are right, learn the reference again, and train with them if they "
        "are rare in the training data",
        {LOOKS: 1},
    ),
}  # fmt: skip
"""Signatures were measured on streets and rounded; of them those are kept that physics explains."""

UNKNOWN = CauseKind(
    "the statistics below have changed together in a way that no known cause explains",
    "look at the newest frames; if they are as they should be, learn the reference again",
    {},
)


def causes(state: DriftState) -> list[Cause]:
    """The likely causes of what a look found, the likeliest first; none where nothing has changed."""
    if not state.drifted:
        return []
    effects = _together(state.effects)
    # Whatever changes the picture changes the looks of objects as well: alone they are a cause, else a symptom.
    looks = effects.pop(LOOKS, 0.0)
    if looks >= 1 and all(abs(effect) < 1 for effect in effects.values()):
        return [Cause(LOOKS, 1.0, CAUSES[LOOKS].words, CAUSES[LOOKS].advice)]
    most = max(abs(effect) for effect in effects.values())
    for name, kind in CAUSES.items():
        decisive = abs(effects.get(kind.decided_by or "", 0.0))
        if abs(effects.get(kind.unless or "", 0.0)) >= 1:
            continue
        if decisive >= (most if kind.largest else 1) >= 1:
            return [Cause(name, 1.0, kind.words, kind.advice)]
    fits = {
        name: _fit(kind.signature, effects)
        for name, kind in CAUSES.items()
        if kind.needs is None or effects.get(kind.needs, 0.0) >= _SEEN
    }
    best = max(fits.values())
    if best < _LIKELY:
        return [Cause("unknown", 0.0, UNKNOWN.words, UNKNOWN.advice)]
    near = [name for name, fit in fits.items() if fit >= max(_LIKELY, _NEAR * best)]
    near.sort(key=lambda name: -fits[name])
    return [Cause(n, round(fits[n], 3), CAUSES[n].words, CAUSES[n].advice) for n in near]


def _together(effects: Mapping[str, float]) -> dict[str, float]:
    """The largest change, in either direction, of each statistic whose categories are judged one by one."""
    found: dict[str, float] = {}
    for name, effect in effects.items():
        statistic, category = parts_of(name)
        if category:
            found[statistic] = max(abs(effect), found.get(statistic, 0.0))
        else:
            found[statistic] = effect
    return found


def _fit(signature: Mapping[str, float], effects: Mapping[str, float]) -> float:
    """The cosine of a signature and of effects, of which the strong ones are compressed."""
    seen = {name: _compressed(effect) for name, effect in effects.items() if abs(effect) >= _SEEN}
    product = sum(weight * seen.get(name, 0.0) for name, weight in signature.items())
    lengths = _length(signature.values()) * _length(seen.values())
    return product / lengths if lengths else 0.0


def _compressed(effect: float) -> float:
    return math.copysign(math.sqrt(abs(effect)), effect)


def _length(values: Iterable[float]) -> float:
    return math.sqrt(sum(value * value for value in values))

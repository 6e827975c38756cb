"""The statistics of a profile: what each is called, its range, and how large a change is worth a word.

Two kinds: numbers, kept as histograms, and categories, kept as counts. The mean picture is kept beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

BINS = 128
"""Bins of the histogram of a number."""

GRID = (8, 6)
"""Columns and rows of the cells in which objects are counted."""


@dataclass(frozen=True, slots=True)
class NumberStatistic:
    """A number of each frame or object.

    Args:
        about: what it is, in the words of a report.
        low, high: its range; what lies beyond counts as the end of it.
        notable: by how much it must change, at least, before somebody should look. In its own unit.
        relative: by which part of its usual mean it must change, at least, besides.
        more, less: what is said of the camera where it is higher or lower than usual.
    """

    about: str
    low: float
    high: float
    notable: float
    more: str
    less: str
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class CategoryStatistic:
    """A category of each pixel or object.

    Args:
        about: what it is, in the words of a report.
        notable: how large a change must be, at least: of all shares together the total variation distance (0 to
            1), of the share of one category, where ``single``, Cohen's h.
        changed: what is said of the camera; of a single category ``{}`` is its name.
        single: each category is a statistic of its own: ``classes/truck``.
    """

    about: str
    notable: float
    changed: str
    single: bool = False


NUMBERS: dict[str, NumberStatistic] = {
    # Statistics of the picture. Brightness is 0 to 255, as the camera codes it.
    "brightness": NumberStatistic("mean brightness", 0, 256, 10, "brighter", "darker"),
    "contrast": NumberStatistic(
        "standard deviation of the brightness", 0, 128, 5, "higher in contrast", "lower in contrast"
    ),
    "shadows": NumberStatistic(
        "brightness of the darkest twentieth", 0, 256, 10, "brighter in the shadows", "darker in the shadows"
    ),
    "highlights": NumberStatistic(
        "brightness of the brightest twentieth", 0, 256, 14, "brighter in the lights", "darker in the lights"
    ),
    "saturation": NumberStatistic(
        "mean distance of the colours from grey", 0, 64, 3.5, "more colourful", "less colourful"
    ),
    "blue_cast": NumberStatistic("median of Cb, from grey", -64, 64, 3, "bluer", "yellower"),
    "red_cast": NumberStatistic("median of Cr, from grey", -64, 64, 3, "redder", "greener"),
    "sharpness": NumberStatistic(
        "second over first differences of pixels", 0, 3, 0.12, "sharper", "more blurred"
    ),
    "noise": NumberStatistic(
        "noise of the flattest parts, in grey levels", 0, 16, 0.5, "noisier", "less noisy"
    ),
    "edges": NumberStatistic("share of pixels at edges", 0, 1, 0.03, "richer in edges", "poorer in edges"),
    "streaks": NumberStatistic(
        "steps across over steps down, as a power of two", -2, 2, 0.12,
        "with more upright streaks", "with more level streaks",
    ),
    "blockiness": NumberStatistic(
        "steps at the borders of 8×8 blocks over those within, minus 1", -0.5, 3.5, 0.15,
        "more blocky", "less blocky",
    ),
    "motion": NumberStatistic(
        "mean difference from the frame before", 0, 64, 2.5, "more restless", "calmer"
    ),
    "frozen": NumberStatistic("frames equal to the one before", 0, 1, 0.5, "frozen", "no longer frozen"),
    # Statistics of what is found.
    "objects": NumberStatistic("objects in a frame", 0, 128, 2.5, "with more objects", "with fewer objects", relative=0.3),
    "confidence": NumberStatistic(
        "scores of objects", 0, 1, 0.06, "with surer detections", "with less sure detections"
    ),
    "size": NumberStatistic(
        "side of a box, as a power of two of the picture's", -8, 0, 0.35, "with larger objects", "with smaller objects"
    ),
    "track_gaps": NumberStatistic(
        "share of tracks that come back after they were missed", 0, 1, 0.1,
        "with more gaps in tracks", "with fewer gaps in tracks",
    ),
    "track_births": NumberStatistic(
        "share of tracks that begin within the picture", 0, 1, 0.15,
        "with more broken tracks", "with fewer broken tracks",
    ),
    "track_age": NumberStatistic(
        "logarithm of the seconds that an object has been seen", 0, 8, 0.5,
        "with longer tracks", "with shorter tracks",
    ),
    "label_score": NumberStatistic(
        "scores of labels", 0, 1, 0.08, "with surer labels", "with less sure labels"
    ),
}  # fmt: skip

CATEGORIES: dict[str, CategoryStatistic] = {
    "colours": CategoryStatistic("colours of the picture", 0.1, "in other colours"),
    "places": CategoryStatistic("where objects are", 0.2, "with objects in other places"),
    "classes": CategoryStatistic("share of new objects", 0.45, "{}", single=True),
    "object_colours": CategoryStatistic("share of new objects", 0.45, "{} objects", single=True),
    "labels": CategoryStatistic("share of labels", 0.45, "{}", single=True),
}
LOOKS = "looks"
"""What objects look like, where a stage of the stream embeds them: a statistic of a kind of its own."""


_MOST = 1 << 53


def checked_count(value: object) -> int:
    """A count that was read. Raises ValueError: it is none, or more than a sketch holds."""
    if not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError(f"{value!r:.20} is no count")
    return value


def parts_of(name: str) -> tuple[str, str]:
    """The statistic and the category that ``classes/truck`` names; no category of others."""
    statistic, _, category = name.partition("/")
    return statistic, category


VIEW = (128, 72)
"""Width and height of the mean picture, which tells where the camera looks."""

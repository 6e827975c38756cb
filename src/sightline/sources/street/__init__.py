"""``street://``: a synthetic street scene with exact ground truth.

from sightline.sources.street import StreetSource, truth_of

for frame in StreetSource("street://?seed=7&light=dusk"):
    truth_of(frame).boxes
"""

from sightline.sources.street.options import HELD_OUT_SEED, StreetOptions
from sightline.sources.street.source import StreetPicture, StreetSource, truth_of
from sightline.sources.street.truth import StreetTruth

__all__ = [
    "HELD_OUT_SEED", "StreetOptions", "StreetPicture", "StreetSource", "StreetTruth",
    "truth_of",
]  # fmt: skip

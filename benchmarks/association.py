"""Trackers on streets full of occlusion, with the same detections and vectors.

    python benchmarks/association.py [--seeds 11000 11001 ...] [--seconds 20]

The bundled detector and embedder look once at streets that no model was trained on and no tracker tuned on;
each tracker then gets the same detections. Objects count that are seen by a quarter and have 64 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from sightline import build
from sightline.cli.footage import SEEN_PIXELS, SEEN_SHARE
from sightline.coco import COCO_NAMES
from sightline.config import ByteTrackOptions, ModelOptions
from sightline.evaluation.detection import with_classes
from sightline.evaluation.tracking import score_sequences
from sightline.evaluation.tracks.mot import TrackTruth, pair
from sightline.protocols import Tracker
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.deepsort import DeepSORTTracker
from sightline.tracking.ocsort import OCSORT
from sightline.types import Detections, Mask

CAMERAS = ("low", "corner", "mast", "low")
TRACKERS: dict[str, Callable[..., Tracker]] = {
    "bytetrack": ByteTrack,
    "ocsort": OCSORT,
    "deepsort": DeepSORTTracker,
}


class Seen(NamedTuple):
    """One frame: when, what was found in it, and what is there."""

    time: float
    found: Detections
    truth: Detections
    counts: Mask


def watch(seed: int, seconds: float) -> Iterator[Seen]:
    """What the bundled models see in one street, with a vector for each detection."""
    options = StreetOptions(
        seed=seed, width=960, height=576, fps=25, duration=seconds, density=3,
        camera=CAMERAS[seed % len(CAMERAS)],
    )  # fmt: skip
    detector = build.detector(ModelOptions(model="street", conf=0.1))
    embedder = build.embedder(ModelOptions(model="street-embedder"))
    try:
        for frame in StreetSource(options):
            (found,) = detector.submit((frame,)).result()
            vectors = embedder.submit(frame, found.boxes).result()
            truth = truth_of(frame)
            sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
            counts = (truth.visibility >= SEEN_SHARE) & (sides.prod(axis=1) >= SEEN_PIXELS)
            found = replace(found, frame_ref=None, embeddings=vectors)
            yield Seen(frame.time, found, truth.detections, counts)
    finally:
        detector.close()
        embedder.close()


def follow(make: Callable[[], Tracker], clip: Sequence[Seen]) -> list[Detections]:
    """What a tracker makes of a clip."""
    tracker = make()
    return [tracker.update(seen.found, seen.time) for seen in clip]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(11_000, 11_012)))
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    clips = {str(seed): list(watch(seed, arguments.seconds)) for seed in arguments.seeds}
    detector = build.detector(ModelOptions(model="street"))
    _, suited = build.for_tracking(detector, ByteTrackOptions())
    detector.close()
    thresholds = {
        name: getattr(suited(), name)
        for name in ("high_threshold", "new_track_threshold", "low_threshold", "class_aware")
    }
    print(f"{'tracker':12} HOTA  AssA  MOTA  IDF1  switches")
    for name, tracker in TRACKERS.items():
        sequences = {}
        for seed, clip in clips.items():
            names = clip[0].found.class_names
            truth = TrackTruth(
                tuple(with_classes([seen.truth for seen in clip], COCO_NAMES, names)),
                tuple(seen.counts for seen in clip),
                tuple(~seen.counts for seen in clip),
            )
            found = follow(partial(tracker, **thresholds), clip)
            sequences[seed] = pair(truth, with_classes(found, names, names))
        score = score_sequences(sequences)[0]
        print(
            f"{name:12} {score.hota:.3f} {score.assa:.3f} {score.mota:.3f} {score.idf1:.3f} "
            f"{score.switches:8}"
        )


if __name__ == "__main__":
    main()

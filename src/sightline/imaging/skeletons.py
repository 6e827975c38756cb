"""Keypoints drawn on a picture: points, and the lines between those of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sightline.coco import KEYPOINT_NAMES, SKELETON

if TYPE_CHECKING:
    from sightline.types.arrays import Ints, Pixels
    from sightline.types.objects import DetectedObjects

_SEEN = 0.5
"""The lowest score of a keypoint that is drawn, as Ultralytics draws them."""

_FARTHEST = 30_000
"""Pixels; OpenCV draws with 16 bits before the point."""


def draw_skeletons(
    scene: Pixels,
    detections: DetectedObjects,
    colours: Sequence[tuple[int, int, int]],
    thickness: int,
) -> None:
    """Draw the keypoints of all objects onto ``scene``, (height, width, 3) uint8 BGR.

    Points with a score below 0.5 are left out, and lines to them. COCO's points of people are joined
    by its skeleton; of other points nothing tells which belong together.

    Args:
        scene: is drawn on.
        detections: have ``keypoints``.
        colours: of each object, BGR.
        thickness: of the lines, in pixels.
    """
    assert detections.keypoints is not None
    people = detections.keypoints.shape[1] == len(KEYPOINT_NAMES) and detections.keypoint_names in {
        (),
        KEYPOINT_NAMES,
    }
    lines = SKELETON if people else ()
    places = np.nan_to_num(detections.keypoints[..., :2], posinf=_FARTHEST, neginf=-_FARTHEST)
    places = np.rint(np.clip(places, -_FARTHEST, _FARTHEST)).astype(np.int64)
    seen = detections.keypoints[..., 2] >= _SEEN
    for points, visible, colour in zip(places, seen.tolist(), colours, strict=True):
        _draw(scene, points, visible, lines, colour, thickness)


def _draw(
    scene: Pixels,
    points: Ints,
    visible: list[bool],
    lines: Sequence[tuple[int, int]],
    colour: tuple[int, int, int],
    thickness: int,
) -> None:
    """Draw one object's points, (K, 2) whole pixels; dots have a dark rim, to be seen on any picture."""
    spots = [tuple(point) for point in points.tolist()]
    for a, b in lines:
        if visible[a] and visible[b]:
            cv2.line(scene, spots[a], spots[b], colour, thickness, cv2.LINE_AA)
    for spot, is_seen in zip(spots, visible, strict=True):
        if is_seen:
            cv2.circle(scene, spot, thickness + 2, (24, 20, 16), cv2.FILLED, cv2.LINE_AA)
            cv2.circle(scene, spot, thickness + 1, colour, cv2.FILLED, cv2.LINE_AA)

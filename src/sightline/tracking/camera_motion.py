"""How the camera has moved from one frame to the next, seen in the picture itself.

Corners of the background are followed by sparse optical flow (Lucas and Kanade 1981, in a pyramid:
Bouguet 2000), and a transform that most of them agree on (RANSAC) is the camera's motion.
"""

from __future__ import annotations

import cv2
import numpy as np

from sightline.tracking.warp import Transform
from sightline.types import Floats, Frame, Pixels

_WIDTH = 480
"""Pictures are compared at this width at most: flow is found to a fraction of a pixel."""
_CORNERS = 300
_APART = 8
"""Pixels between two corners."""
_LEAST = 12
"""Fewer corners that agree tell nothing."""
_AGREE = 0.3
"""And neither do they where they are a smaller share of all: then something large has moved."""
_ERROR = 1.5
"""Pixels by which a corner may be off and still agree."""
_STILL = 0.2
"""Pixels of the source: a picture whose corners have moved less has not moved."""


class CameraMotion:
    """Follows the camera of one stream.

    Args:
        model: ``affine`` (a similarity: shift, turn and zoom), or ``homography``, which is also true
            of a camera that turns far, and of a flat ground that a moving camera looks at.
    """

    def __init__(self, model: str = "affine") -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """The next frame follows none."""
        self._shape: tuple[int, int] | None = None
        self._before: Pixels | None = None
        self._corners: Floats | None = None

    def update(self, frame: Frame, boxes: Floats) -> Transform | None:
        """Look at the next frame.

        Args:
            frame: of the stream.
            boxes: (N, 4) xyxy in pixels of the frame: objects, which may move by themselves.

        Returns:
            The transform of points of the frame before into this one, in pixels of the source. None:
            nothing has moved, there is no frame before, or what has moved cannot be told.
        """
        shape = (frame.width, frame.height)
        if shape != self._shape:
            self.reset()
            self._shape = shape
        scale = min(1.0, _WIDTH / frame.width)
        size = (max(8, round(frame.width * scale)), max(8, round(frame.height * scale)))
        grey = cv2.cvtColor(frame.scaled(*size, "bgr"), cv2.COLOR_BGR2GRAY)
        found = self._transform(grey)
        self._before = grey
        zoom = np.array([frame.width / size[0], frame.height / size[1], 1.0])
        self._corners = _background_corners(grey, boxes / np.tile(zoom[:2], 2))
        if found is None:
            return None
        whole: Transform = found * zoom[:, None] / zoom
        return whole if _moves(whole, shape) else None

    def _transform(self, grey: Pixels) -> Transform | None:
        """The motion since the frame before, in pixels of the small picture."""
        before, corners = self._before, self._corners
        if before is None or corners is None or len(corners) < _LEAST:
            return None
        there, followed, _ = cv2.calcOpticalFlowPyrLK(before, grey, corners, None, maxLevel=4)
        kept = followed.ravel() == 1
        start, end = corners[kept], there[kept]
        if len(start) < _LEAST:
            return None
        transform = np.eye(3)
        if self._model == "homography":
            made, agree = cv2.findHomography(start, end, cv2.RANSAC, _ERROR)
            if made is not None:
                transform = made
        else:
            made, agree = cv2.estimateAffinePartial2D(
                start, end, method=cv2.RANSAC, ransacReprojThreshold=_ERROR
            )
            if made is not None:
                transform[:2] = made
        if made is None or agree.sum() < max(_LEAST, _AGREE * len(start)):
            return None
        return transform


def _background_corners(grey: Pixels, boxes: Floats) -> Floats | None:
    """Corners (K, 1, 2) of what is no object; None where there are none."""
    free = np.full(grey.shape, 255, np.uint8)
    limit = np.array(grey.shape[::-1] * 2)
    proper = np.isfinite(boxes).all(axis=1)
    edges = np.clip(boxes[proper] + np.array([-2, -2, 3, 3]), 0, limit).astype(np.int64)
    for x0, y0, x1, y1 in edges.tolist():
        free[y0:y1, x0:x1] = 0
    corners: Floats | None = cv2.goodFeaturesToTrack(grey, _CORNERS, 0.01, _APART, mask=free)
    return corners


def _moves(transform: Transform, size: tuple[int, int]) -> bool:
    """Whether a corner of the picture is moved, by a transform that keeps it a picture."""
    width, height = size
    ends = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    mapped = transform @ ends
    if not np.isfinite(mapped).all() or mapped[2].min() < 0.2:
        return False
    return bool(np.abs(mapped[:2] / mapped[2] - ends[:2]).max() > _STILL)

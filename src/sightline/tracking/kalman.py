"""Constant-velocity Kalman filter for many boxes at once. Knows motion, no identities.

The state of N boxes is one (11, N) float64 array, a column for each box:

    rows 0-3   x1 y1 x2 y2, pixels
    rows 4-7   their velocities, pixels per frame interval
    rows 8-10  covariance: var(position), cov(position, velocity), var(velocity)

SORT (Bewley et al. 2016) and DeepSORT (Wojke et al. 2017) let every noise grow in proportion to
the box. Then the gain does not depend on the size of a box, the four coordinates share one 2x2
covariance in units of size squared, and three numbers replace an 8x8 matrix: the filter is plain
arithmetic on rows. The ratios below are DeepSORT's.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Motion: TypeAlias = NDArray[np.float64]
"""State of N boxes, (11, N), as drawn above."""

_POSITION_NOISE = (1 / 20) ** 2  # variance of a measurement, and of what one frame adds
_VELOCITY_NOISE = (1 / 160) ** 2  # variance that one frame adds

# One detection says roughly where the box is, and nearly nothing about its velocity.
_FIRST_COVARIANCE = ((2 / 20) ** 2, 0.0, (10 / 160) ** 2)


def begin(boxes: NDArray[np.float64]) -> Motion:
    """State of boxes, (4, N), that are seen for the first time: at rest, velocity uncertain."""
    motion = np.zeros((11, boxes.shape[1]))
    motion[:4] = boxes
    motion[8:] = np.reshape(_FIRST_COVARIANCE, (3, 1))
    return motion


def predicted_boxes(motion: Motion, frames: float) -> NDArray[np.float64]:
    """Where the boxes, (4, N), will be in ``frames`` frame intervals; the state stays as it is."""
    boxes = motion[:4] + motion[4:8] * frames
    np.maximum(boxes[2:], boxes[:2], out=boxes[2:])  # a shrinking box ends at nothing
    return boxes


def predict(motion: Motion, frames: float) -> None:
    """Move the state in place by ``frames`` frame intervals, which need not be whole."""
    motion[:4] = predicted_boxes(motion, frames)
    position, covariance, velocity = motion[8:]
    step = velocity * frames
    position += (2 * covariance + step + _POSITION_NOISE) * frames
    covariance += step
    velocity += _VELOCITY_NOISE * frames


def correct(motion: Motion, columns: NDArray[np.int64], boxes: NDArray[np.float64]) -> None:
    """Take measured boxes, (4, M), into the M given columns of the state, in place."""
    seen = motion.take(columns, 1)
    residual = boxes - seen[:4]
    gain = seen[8:10] / (seen[8] + _POSITION_NOISE)
    seen[:4] += gain[0] * residual
    seen[4:8] += gain[1] * residual
    seen[10] -= gain[1] * seen[9]
    seen[8:10] *= 1 - gain[0]
    motion[:, columns] = seen


def distances(motion: Motion, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Mahalanobis distance of each measured box, (4, M), from each predicted one: (N, M).

    It has four degrees of freedom. Noise grows with the height of the predicted box.
    """
    height = np.maximum(motion[3] - motion[1], 1.0)
    variance = (motion[8] + _POSITION_NOISE) * height * height
    apart = motion[:4, :, None] - boxes[:, None]
    apart *= apart
    squares: NDArray[np.float64] = apart.sum(axis=0) / variance[:, None]
    return squares


def hold_size(motion: Motion, columns: NDArray[np.int64]) -> None:
    """Let the boxes of these columns move on without growing or shrinking.

    For objects out of sight: over many frames a small error in the growth would turn the box
    inside out.
    """
    corners = motion[4:8, columns]
    centre = (corners[:2] + corners[2:]) / 2
    motion[4:6, columns] = centre
    motion[6:8, columns] = centre

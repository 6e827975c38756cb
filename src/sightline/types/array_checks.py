"""Whether the arrays of ``Detections`` have the shapes that they must have."""

from __future__ import annotations

from sightline.types.arrays import Array, Floats, Ints


def check_arrays(
    boxes: Floats,
    scores: Floats,
    class_ids: Ints,
    track_ids: Ints | None,
    angles: Floats | None,
    parent_ids: Ints | None,
) -> None:
    """Raise ValueError: boxes are not (N, 4), or another array is not (N,)."""
    n = len(boxes)
    if boxes.shape != (n, 4):
        raise ValueError(f"boxes must be (N, 4), not {boxes.shape}")
    if scores.shape != (n,):
        raise _differs("scores", n, scores)
    if class_ids.shape != (n,):
        raise _differs("class_ids", n, class_ids)
    if track_ids is not None and track_ids.shape != (n,):
        raise _differs("track_ids", n, track_ids)
    if angles is not None and angles.shape != (n,):
        raise _differs("angles", n, angles)
    if parent_ids is not None and parent_ids.shape != (n,):
        raise _differs("parent_ids", n, parent_ids)


def check_rows(n: int, embeddings: Floats | None, keypoints: Floats | None) -> None:
    """Raise ValueError: embeddings are not (N, D), or keypoints are not (N, K, 3)."""
    if embeddings is not None and (embeddings.ndim != 2 or len(embeddings) != n):
        raise ValueError(f"embeddings must be ({n}, D) like the boxes, not {embeddings.shape}")
    if keypoints is not None and (
        keypoints.ndim != 3 or keypoints.shape[2] != 3 or len(keypoints) != n
    ):
        raise ValueError(f"keypoints must be ({n}, K, 3) like the boxes, not {keypoints.shape}")


def _differs(name: str, n: int, array: Array) -> ValueError:
    return ValueError(f"{name} must be ({n},) like the boxes, not {array.shape}")

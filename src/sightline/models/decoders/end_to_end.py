"""Models with their selection built in: YOLOv10 and 26 end to end, Ultralytics exports with NMS.

Output (N, K, 6): x1, y1, x2, y2 in canvas pixels, score, class id. Unused rows score 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sightline.types import Detections, Fit, Floats, TensorSpec


class EndToEnd:
    """See the module."""

    overlaps = False
    resizable = False  # K does not follow the input size, so nothing tells whether the rest did
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}

    def fit(
        self,
        outputs: Sequence[TensorSpec],
        canvas: tuple[int, int],  # noqa: ARG002 - K does not depend on it
    ) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 1 or not outputs[0].shape or outputs[0].shape[-1] not in {6, None}:
            return None
        rank = len(outputs[0].shape)
        if outputs[0].shape[-1] is None:  # exports of any size leave it open
            return Fit((0,), certainty="card") if rank == 3 else None
        if rank == 2:  # a batch of one picture; other families put the class first
            return Fit((0,), flat=True, certainty="ask")
        return Fit((0,)) if rank == 3 else None  # a class id is a value here, not a dimension

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [
            Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))
            for rows in (
                picture[picture[:, 4] > conf]
                for picture in outputs[0].reshape(-1, *outputs[0].shape[-2:])
            )
        ]

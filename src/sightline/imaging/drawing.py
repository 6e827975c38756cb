"""Pictures with what was found drawn on them, by supervision's annotators."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sightline.errors import SinkError
from sightline.imaging.skeletons import draw_skeletons
from sightline.types.objects import ids_of
from sightline.types.supervision_ import CORNERS

if TYPE_CHECKING:
    import supervision

    from sightline.types.arrays import Ints, Pixels
    from sightline.types.objects import DetectedFrame, DetectedObjects, Label
    from sightline.types.shapes.masks import Masks

# Bright, far apart in hue, and in an order in which neighbours differ most.
_COLOURS = (
    "#00C2FF", "#FF9F1C", "#7CE38B", "#FF5C8A", "#B388FF", "#FFE14D", "#2EC4B6", "#FF6B4A",
    "#4D8BFF", "#C6F432", "#E056FD", "#F7B7A3", "#3DDC5A", "#F4845F", "#8ECAE6", "#D4A5FF",
)  # fmt: skip
_CROWD = 8  # more objects than this crowd a picture
_SMALL = 0.12  # share of the picture's shorter side
_TRACE_FRAMES = 30
_OPACITY = 0.4  # masks are drawn so opaque
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(
    image: Pixels,
    detections: DetectedObjects,
    labels: Mapping[int, Sequence[Label]] | None = None,
    fps: float | None = None,
    *,
    predicted: bool = False,
) -> Pixels:
    """A copy of a picture with boxes, masks, keypoints and captions such as ``car #3 0.91``.

    Args:
        image: (height, width, 3), uint8, BGR; it is not changed.
        detections: what to draw; its boxes are pixels of ``image``.
        labels: what classifiers say, by track id; drawn behind the caption.
        fps: frames per second, drawn in the corner where it is given.
        predicted: the boxes are a tracker's predictions: only their corners are drawn.

    Colours tell tracks apart where there are any, else classes. Lines and text grow with the
    picture. For a video, ``Annotator`` draws the tracks' traces too.

    Raises:
        SinkError: supervision is not installed.
    """
    return Annotator(traces=False).draw(image, detections, labels, fps, predicted=predicted)


class Annotator:
    """Draws the frames of one stream, with a trace behind each track. Not safe to share.

    Raises:
        SinkError: supervision is not installed.
    """

    def __init__(self, traces: bool = True) -> None:
        _supervision()
        self._traces = traces
        self._trace: supervision.TraceAnnotator | None = None

    def annotate(self, observation: DetectedFrame, fps: float | None = None) -> Pixels:
        """The observation's picture as ``draw`` makes it."""
        return self.draw(
            observation.frame.image,
            observation.detections,
            observation.labels,
            fps,
            predicted=observation.predicted,
        )

    def draw(
        self,
        image: Pixels,
        detections: DetectedObjects,
        labels: Mapping[int, Sequence[Label]] | None = None,
        fps: float | None = None,
        *,
        predicted: bool = False,
    ) -> Pixels:
        """As the function ``annotate``; of predicted boxes the corners only. Remembers where the tracks were."""
        height, width = image.shape[:2]
        style = _style(width, height)
        scene = image.copy()
        if len(detections):
            found = _drawn(detections)
            lookup = _colour_ids(detections)
            if detections.masks is not None:
                _draw_masks(scene, detections.masks, lookup.tolist(), style)
            if self._traces and detections.track_ids is not None:
                tracked = detections.track_ids >= 0
                self._draw_traces(scene, found[tracked], lookup[tracked], style)
            boxes = style.corners if predicted else style.boxes
            if detections.angles is not None:
                boxes = style.turned
            boxes.annotate(scene, found, custom_color_lookup=lookup)
            if detections.keypoints is not None:
                draw_skeletons(scene, detections, style.colours(lookup), style.thickness)
            captions = _captions(detections, labels or {})
            _shorten(captions, detections, min(width, height))
            found.data.pop(CORNERS, None)  # captions would hang on the corners, beyond the picture
            _hold_inside(found, captions, scene, style)
            style.captions.annotate(scene, found, captions, custom_color_lookup=lookup)
        if fps is not None:
            _draw_fps(scene, f"{fps:.1f} FPS", style)
        return scene

    def _draw_traces(self, scene: Pixels, found: object, lookup: object, style: _Style) -> None:
        if self._trace is None:
            sv = _supervision()
            self._trace = sv.TraceAnnotator(
                color=style.palette,
                position=sv.Position.BOTTOM_CENTER,
                trace_length=_TRACE_FRAMES,
                thickness=style.thickness,
            )
        self._trace.annotate(scene, found, custom_color_lookup=lookup)


class FrameRate:
    """Frames per second over the last second or so, from the times at which frames came."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=120)

    def tick(self) -> float | None:
        """Count one frame; the rate, or None until there are two."""
        now = time.monotonic()
        self._times.append(now)
        while len(self._times) > 2 and self._times[0] < now - 1.0:
            self._times.popleft()
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else None


@dataclass(frozen=True)
class _Style:
    """What is drawn alike on all pictures of one size."""

    palette: Any
    boxes: Any
    corners: Any
    turned: Any
    captions: Any
    thickness: int
    text_scale: float
    text_thickness: int
    padding: int

    def colours(self, lookup: Any) -> list[tuple[int, int, int]]:
        """The colour of each object, BGR."""
        return [self.palette.by_idx(i).as_bgr() for i in lookup.tolist()]


@lru_cache(maxsize=16)
def _style(width: int, height: int) -> _Style:
    sv = _supervision()
    size = min(width, height)
    thickness = max(1, round(size / 270))
    text_scale = max(0.4, size / 1200)
    text_thickness = max(1, round(text_scale))
    padding = max(3, round(size / 140))
    palette = sv.ColorPalette.from_hex(list(_COLOURS))
    return _Style(
        palette=palette,
        boxes=sv.BoxAnnotator(color=palette, thickness=thickness),
        corners=sv.BoxCornerAnnotator(
            color=palette, thickness=thickness, corner_length=max(4, size // 60)
        ),
        turned=sv.OrientedBoxAnnotator(color=palette, thickness=thickness),
        captions=sv.LabelAnnotator(
            color=palette,
            text_color=sv.Color.from_hex("#101418"),
            text_scale=text_scale,
            text_thickness=text_thickness,
            text_padding=padding,
            border_radius=padding,
        ),
        thickness=thickness,
        text_scale=text_scale,
        text_thickness=text_thickness,
        padding=padding,
    )


def _colour_ids(detections: DetectedObjects) -> Ints:
    """What gives each object its colour: its track, or the one that it was found in; else its class."""
    ids, parents = detections.track_ids, detections.parent_ids
    if ids is None:
        return detections.class_ids
    own = ids if parents is None else np.where(ids >= 0, ids, parents)
    return own if (own >= 0).all() else np.where(own >= 0, own, detections.class_ids)


def _drawn(detections: DetectedObjects) -> Any:
    """What supervision's annotators draw; whole masks are not made for them."""
    data = {} if detections.angles is None else {CORNERS: detections.corners}
    return _supervision().Detections(
        xyxy=detections.extents,
        class_id=detections.class_ids,
        tracker_id=detections.track_ids,
        data=data,
    )


def _draw_masks(scene: Pixels, masks: Masks, lookup: list[int], style: _Style) -> None:
    """Tint the pixels of each object; where objects overlap, the smaller one is seen."""
    if masks.shape[1:] != scene.shape[:2]:
        raise SinkError(
            f"masks of a picture of {masks.size[0]}×{masks.size[1]} cannot be drawn on one of "
            f"{scene.shape[1]}×{scene.shape[0]}"
        )
    tinted = scene.copy()
    for i in np.argsort(-masks.areas, kind="stable").tolist():
        masks.paste(i, tinted, style.palette.by_idx(lookup[i]).as_bgr())
    for rows, columns in (masks.window(i) for i in masks.areas.nonzero()[0].tolist()):
        # Pixels that two windows share are alike from the first time on.
        mixed = cv2.addWeighted(
            tinted[rows, columns], _OPACITY, scene[rows, columns], 1 - _OPACITY, 0
        )
        scene[rows, columns] = tinted[rows, columns] = mixed


def _shorten(captions: list[str], detections: DetectedObjects, side: int) -> None:
    """In a crowd, leave small objects their id or name only: captions must not hide them all."""
    if len(captions) <= _CROWD:
        return
    sizes = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1)
    for i in np.flatnonzero(sizes < side * _SMALL).tolist():
        words = captions[i].split()
        captions[i] = next((w for w in words if w.startswith("#")), words[0])


def _captions(detections: DetectedObjects, labels: Mapping[int, Sequence[Label]]) -> list[str]:
    names = [detections.class_name(i) for i in detections.class_ids.tolist()]
    scores = detections.scores.tolist()
    return [
        f"{name} {score:.2f}"
        if track is None
        else " ".join([f"{name} #{track} {score:.2f}", *(x.value for x in labels.get(track, ()))])
        for name, track, score in zip(
            names, ids_of(detections.track_ids, len(names)), scores, strict=True
        )
    ]


def _hold_inside(found: Any, captions: list[str], scene: Pixels, style: _Style) -> None:
    """Move the boxes that captions hang on, so that every caption lies inside the picture.

    Supervision's own ``smart_position`` also keeps captions apart, but takes 64 ms for 100 objects
    and lets captions jump from frame to frame.
    """
    sizes = np.array(
        [
            cv2.getTextSize(text, _FONT, style.text_scale, style.text_thickness)[0]
            for text in captions
        ]
    )
    width, height = (sizes + 2 * style.padding).T
    corners = found.xyxy.copy()
    corners[:, 0] = np.clip(corners[:, 0], 0, np.maximum(scene.shape[1] - 1 - width, 0))
    corners[:, 1] = np.clip(corners[:, 1], height, max(scene.shape[0] - 1, 0))
    found.xyxy = corners


def _draw_fps(scene: Pixels, text: str, style: _Style) -> None:
    scale, thickness = style.text_scale, style.text_thickness
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = style.padding
    right, bottom = width + 2 * pad, height + baseline + 2 * pad
    corner = scene[:bottom, :right]
    corner[:] = corner // 3  # dark enough for white text on any picture
    cv2.putText(
        scene, text, (pad, pad + height), _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA
    )


def _supervision() -> Any:
    try:
        import supervision
    except ImportError as error:
        raise SinkError(
            "drawing needs supervision, which is not installed: pip install 'sightline[drawing]'"
        ) from error
    return supervision

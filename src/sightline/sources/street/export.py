"""Writes a scene to a folder: pictures or a video, with truth in the formats of COCO and MOT."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
import cv2

from sightline.coco import COCO_NAMES
from sightline.errors import ConfigError, SinkError
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.source import StreetSource, truth_of
from sightline.sources.street.truth import StreetTruth
from sightline.types import JsonObject, Pixels
from sightline.types.shapes.run_lengths import run_lengths

Format = Literal["images", "mp4"]
Progress = Callable[[int, int], None]
"""Called with the number of frames written and the number of all frames."""

_QUALITY = 95


def export(
    options: StreetOptions, directory: Path, format: Format = "images",  # noqa: A002
    progress: Progress | None = None,
) -> int:  # fmt: skip
    """Write all frames of a scene and their truth; returns the number of frames.

    In ``directory`` appear ``img1/000001.jpg`` and so on, or ``street.mp4``; ``coco.json`` with
    tight boxes, masks (run lengths), ``track_id`` and ``visibility``; ``gt/gt.txt`` and
    ``seqinfo.ini`` as in the MOT challenge, with the number in COCO's 80 classes plus one as class.

    Raises:
        ConfigError: the scene has no end, or its size cannot be encoded.
        SinkError: something cannot be written.
    """
    count = options.frames
    if not count:
        raise ConfigError(f"{options.url()}: duration=0 never ends; an export needs a duration")
    if format == "mp4" and (options.width % 2 or options.height % 2):
        raise ConfigError(f"{options.width}x{options.height}: a video needs even sides")
    try:
        (directory / "gt").mkdir(parents=True, exist_ok=True)
        writer: _Writer = (
            _Video(directory / "street.mp4", options) if format == "mp4" else _Pictures(directory)
        )
        truth = _TruthFiles(options)
        try:
            for frame in StreetSource(options):
                writer.write(frame.image)
                truth.add(writer.name(frame.index), truth_of(frame))
                if progress:
                    progress(frame.index + 1, count)
        finally:
            writer.close()
        truth.write(directory, count, ".mp4" if format == "mp4" else ".jpg")
    except (OSError, av.FFmpegError) as exc:
        raise SinkError(f"{directory}: cannot write the scene: {exc}") from exc
    return count


class _Writer(Protocol):
    def write(self, image: Pixels) -> None:
        """Write the next picture, (height, width, 3) uint8 BGR."""

    def name(self, index: int) -> str:
        """What the truth calls the picture of this index."""

    def close(self) -> None:
        """Finish the files."""


class _Pictures:
    """Numbered JPEG files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written = 0
        (directory / "img1").mkdir(exist_ok=True)

    def name(self, index: int) -> str:
        """What the truth calls the picture of this index."""
        return f"img1/{index + 1:06d}.jpg"

    def write(self, image: Pixels) -> None:
        """Write the next picture as JPEG."""
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        (self._directory / self.name(self._written)).write_bytes(data.tobytes())
        self._written += 1

    def close(self) -> None:
        """Nothing is left open."""


class _Video:
    """An H.264 file."""

    def __init__(self, path: Path, options: StreetOptions) -> None:
        self._path = path
        self._container = av.open(str(path), "w")
        rate = Fraction(options.fps).limit_denominator(1000)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20"})
        self._stream.width, self._stream.height = options.width, options.height
        self._stream.pix_fmt = "yuv420p"

    def name(self, index: int) -> str:
        """What the truth calls the picture of this index."""
        return f"{self._path.name}#{index}"

    def write(self, image: Pixels) -> None:
        """Encode the next picture."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))

    def close(self) -> None:
        """Finish the files."""
        self._container.mux(self._stream.encode())
        self._container.close()


class _TruthFiles:
    """Collects truth and writes it at the end."""

    def __init__(self, options: StreetOptions) -> None:
        self._options = options
        self._images: list[JsonObject] = []
        self._annotations: list[JsonObject] = []
        self._lines: list[str] = []

    def add(self, name: str, truth: StreetTruth) -> None:
        """Take the truth of the next frame."""
        options, number = self._options, len(self._images) + 1
        self._images.append(
            {"id": number, "file_name": name, "width": options.width, "height": options.height}
        )
        rows = zip(
            truth.boxes.astype(int).tolist(), truth.class_ids.tolist(), truth.track_ids.tolist(),
            truth.visibility.tolist(), strict=True,
        )  # fmt: skip
        for row, ((x0, y0, x1, y1), kind, track, visibility) in enumerate(rows, 1):
            mask = truth.id_map[y0:y1, x0:x1] == row
            counts = run_lengths(mask, (x0, y0), (options.width, options.height))
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": kind,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "track_id": track,
                    "visibility": round(visibility, 4),
                    "segmentation": {
                        "size": [options.height, options.width],
                        "counts": counts.tolist(),
                    },
                }
            )
            self._lines.append(
                f"{number},{track},{x0},{y0},{x1 - x0},{y1 - y0},1,{kind + 1},{visibility:.4f}\n"
            )

    def write(self, directory: Path, count: int, suffix: str) -> None:
        """Write the truth as COCO JSON and as MOT rows into a folder."""
        options = self._options
        kinds = sorted({0, 1, 2, 3, 5, 7})
        coco = {
            "info": {"description": options.url()},
            "images": self._images,
            "annotations": self._annotations,
            "categories": [{"id": kind, "name": COCO_NAMES[kind]} for kind in kinds],
        }
        (directory / "coco.json").write_text(json.dumps(coco), encoding="utf-8")
        (directory / "gt" / "gt.txt").write_text("".join(self._lines), encoding="utf-8")
        (directory / "seqinfo.ini").write_text(
            f"[Sequence]\nname={directory.name}\nimDir=img1\nframeRate={options.fps:g}\n"
            f"seqLength={count}\nimWidth={options.width}\nimHeight={options.height}\nimExt={suffix}\n",
            encoding="utf-8",
        )

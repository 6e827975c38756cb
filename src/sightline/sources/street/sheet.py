"""A contact sheet of street scenes, for the documentation and for looking at one's own changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from sightline.errors import SinkError
from sightline.sources.street.drawing.render import Renderer
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.world import World
from sightline.types import Pixels

SCENES = (
    "street://?seed=13",
    "street://?seed=33&camera=corner",
    "street://?seed=63&camera=low",
    "street://?seed=94&light=dusk",
    "street://?seed=122&weather=rain&camera=low",
    "street://?seed=157&weather=fog&camera=high",
    "street://?seed=181&light=night",
    "street://?seed=225&light=night&weather=rain",
    "street://?seed=252&light=dusk&camera=corner",
    "street://?seed=291&camera=high",
    "street://?seed=314&light=night&camera=corner",
    "street://?seed=333&light=dusk&camera=low",
)
"""What the documentation's picture shows."""


def render_at(url: str, seconds: float = 5.0) -> Pixels:
    """One picture (height, width, 3) uint8 BGR of a scene, ``seconds`` after its start."""
    options = StreetOptions.from_url(url).resolved()
    renderer = Renderer(options)
    world = World(options, renderer.street)
    world.advance(seconds)
    return renderer.frame(world)[0]


def write_sheet(
    path: Path,
    scenes: tuple[str, ...] = SCENES,
    columns: int = 4,
    width: int = 400,
    quality: int = 82,
) -> None:
    """Write a JPEG with one picture per scene, ``width`` pixels wide each. Raises SinkError."""
    pictures = []
    for url in scenes:
        image = render_at(url)
        height = width * image.shape[0] // image.shape[1]
        pictures.append(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.hstack(pictures[at : at + columns]) for at in range(0, len(pictures), columns)]
    _, data = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, quality])
    try:
        path.write_bytes(data.tobytes())
    except OSError as exc:
        raise SinkError(f"{path}: cannot write the contact sheet: {exc}") from exc

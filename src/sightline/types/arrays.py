"""Arrays, and words for single values."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""Interleaved pixels, (height, width, 3), uint8."""

Floats: TypeAlias = NDArray[np.float32]

Ints: TypeAlias = NDArray[np.int64]

Mask: TypeAlias = NDArray[np.bool_]

Array: TypeAlias = NDArray[Any]
"""An array whose type of elements only the file, model or request tells that it is from."""

ChannelOrder: TypeAlias = Literal["bgr", "rgb"]

MOST_CLASSES = 100_000
"""Names are listed up to this class id: a list for wilder ids would fill the memory."""

Clock: TypeAlias = Literal["rtcp", "arrival", "start"]
"""Where the wall-clock time of a frame is from: the camera's RTCP sender reports, the arrival of the
frame here, or the start of a recording that the user has told."""

JsonObject: TypeAlias = dict[str, object]
"""An object of JSON that is made to be written. What is read is checked where it enters."""

RunState: TypeAlias = Literal["done", "failed", "interrupted"]
"""How a run, or a stream of one, has ended."""

"""Pixels normalised on the processor, for models that take floats and run elsewhere."""

from __future__ import annotations

import numpy as np

from sightline.types import Array, Normalization, Pixels


class HostNormalization:
    """Turns uint8 pixels into what a network takes: see ``Normalization``."""

    def __init__(self, normalization: Normalization) -> None:
        std = np.array(normalization.std)
        self._scale = (normalization.scale / std).astype(np.float32)
        self._shift = (-np.array(normalization.mean) / std).astype(np.float32)

    def apply(self, pixels: Pixels, planes: Array) -> None:
        """Normalise pixels (N, H, W, 3) into ``planes`` (N, 3, H, W), of floats.

        Plane by plane, so that a plane is still in the cache when it is shifted.
        """
        for picture, out in zip(pixels, planes, strict=True):
            for channel, (scale, shift) in enumerate(zip(self._scale, self._shift, strict=True)):
                np.multiply(picture[..., channel], scale, out=out[channel], casting="unsafe")
                if shift:
                    np.add(out[channel], shift, out=out[channel], casting="unsafe")

"""The canvas of a detector: the size of the network's input that a picture is placed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from sightline.errors import ConfigError
from sightline.geometry import fitted_canvas
from sightline.models.model_card import ModelCard

Canvas = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, slots=True)
class CanvasRule:
    """Chooses the canvas of each picture.

    ``fixed`` is that of every picture; None: one of its aspect, with sides of the ``stride``'s
    multiples, the longer one ``longer_side``. Where there are ``few``, it is one of these.
    """

    fixed: Canvas | None
    longer_side: int
    stride: int
    few: tuple[Canvas, ...] = ()

    def __str__(self) -> str:
        if self.fixed is None:
            return f"{self.longer_side} on the longer side"
        return "{}×{}".format(*self.fixed)

    @classmethod
    def of(cls, card: ModelCard, size: int | Canvas | None) -> Self:
        """That of a card's model at a size: see ``EngineDetector``.

        Raises ConfigError: the model cannot take that size.
        """
        if card.fixed_size:
            if size not in {None, card.size, max(card.size)}:
                raise ConfigError(
                    f"model {card.name} takes {card.size[0]}×{card.size[1]} only, not {size}; "
                    "export it with a dynamic input size"
                )
            return cls(card.size, max(card.size), card.stride)
        sides = size if isinstance(size, tuple) else () if size is None else (size,)
        wrong = next((s for s in sides if s < card.stride or s % card.stride), None)
        if wrong is not None:
            shown = "x".join(map(str, sides))
            raise ConfigError(
                f"size {shown}: sides must be multiples of {card.stride}: take "
                f"{_multiples(wrong, card.stride)} instead of {wrong}"
            )
        if isinstance(size, tuple):
            return cls(size, max(size), card.stride)
        # Models that stretch learnt one aspect; the others see undistorted pictures anyway.
        longer = size or max(card.size)
        if card.resize != "stretch":
            return cls(None, longer, card.stride)
        return cls(card.size if size is None else (size, size), longer, card.stride)

    def canvas(self, source: tuple[int, int]) -> Canvas:
        """The canvas of a source picture (width, height)."""
        if self.fixed is not None:
            return self.fixed
        width, height = fitted = fitted_canvas(source, self.longer_side, self.stride)
        if not self.few:
            return fitted
        holding = (c for c in self.few if c[0] >= width and c[1] >= height)
        return next(holding, fitted)

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        """The same rule, with the few canvases of these aspects (width, height): the smallest that
        holds a picture at its full scale is taken."""
        shapes = {self.canvas((w * 1000, h * 1000)) for w, h in aspects}
        return replace(self, few=tuple(sorted(shapes, key=lambda c: c[0] * c[1])))


def _multiples(side: int, stride: int) -> str:
    """The sides on both sides of one that is no multiple of the stride."""
    below = side // stride * stride
    return f"{stride}" if below < stride else f"{below} or {below + stride}"

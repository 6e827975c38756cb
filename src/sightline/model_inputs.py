"""What a model's inputs are: which one takes the picture, how it lies, and what fills the others.

Exporters put the picture channels first or last, with three channels or one, with a batch or without.
Some models have further inputs that only tell the picture's size or scale: these are filled by
Sightline. Knows names and shapes of tensors; knows no file format and no runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sightline.errors import ModelError
from sightline.types import TensorSpec

Layout = Literal["NCHW", "NHWC", "CHW", "HWC"]
Value = Literal["width", "height", "one"]
Fill: TypeAlias = tuple[Value, ...]
"""The values of an input, for each picture. An empty one is a mask of ones, (N, height, width)."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey picture (ITU-R BT.601)."""

PLACES: Mapping[str, int] = {"height": 2, "width": 3}
"""The places of the sides in the shape of a picture (N, 3, height, width)."""

MASK: Fill = ()
HEIGHT_WIDTH: Fill = ("height", "width")
SCALES: Fill = ("one", "one")

SIZE_INPUTS: Mapping[str, tuple[Fill, ...]] = {
    "orig_target_sizes": (("width", "height"),),  # RT-DETR, D-FINE, DEIM
    "orig_target_size": (("width", "height"),),
    "orig_sizes": (("width", "height"),),
    "orig_size": (("width", "height"),),
    "target_sizes": (HEIGHT_WIDTH,),  # Hugging Face
    "target_size": (HEIGHT_WIDTH,),
    "im_shape": (HEIGHT_WIDTH, ("height", "width", "one")),  # PaddleDetection
    "img_shape": (HEIGHT_WIDTH, ("height", "width", "one")),
    "image_shape": (HEIGHT_WIDTH,),  # YOLOv3 of the ONNX model zoo
    "image_size": (HEIGHT_WIDTH,),
    "im_size": (HEIGHT_WIDTH,),
    "img_size": (HEIGHT_WIDTH,),
    "input_size": (HEIGHT_WIDTH,),
    "ori_shape": (HEIGHT_WIDTH,),
    "orig_shape": (HEIGHT_WIDTH,),
    "image_hw": (HEIGHT_WIDTH,),
    "im_info": (("height", "width", "one"), ("height", "width", "one", "one", "one", "one")),
    "image_info": (("height", "width", "one"), ("height", "width", "one", "one", "one", "one")),
    "scale_factor": (SCALES, ("one",), ("one",) * 4),  # PaddleDetection
    "scale_factors": (SCALES, ("one",), ("one",) * 4),
    "im_scale": (("one",), SCALES, ("one",) * 4),
    "scale": (("one",), SCALES, ("one",) * 4),
    "ratio": (("one",), SCALES),
    "pixel_mask": (MASK,),  # DETR of Hugging Face
}
"""Inputs that only tell the picture's size or scale, by name; for each the lengths that it may have.

The picture is told as the network sees it, letterbox included, so that boxes come in its pixels.
"""


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """How a model is given a picture.

    Args:
        picture: which of the inputs takes it.
        layout: how it lies there; without N it takes one picture and has no batch.
        channels: 3, or 1 for a grey picture.
        shape: of the picture as (N, channels, height, width); open dimensions are None.
        fills: the values of the other inputs, by their place.
    """

    picture: int
    layout: Layout
    channels: int
    shape: tuple[int | None, int, int | None, int | None]
    fills: Mapping[int, Fill]

    @property
    def is_plain(self) -> bool:
        """Whether the model takes (N, 3, height, width) and nothing else."""
        return self.layout == "NCHW" and self.channels == 3 and not self.fills


def read_inputs(specs: Sequence[TensorSpec]) -> ModelInputs:
    """How a model with these inputs is given a picture.

    Raises:
        ModelError: none of them can be a picture, or another one is not known to tell a size.
    """
    if not specs:
        raise ModelError("it has no input; one picture input (N, 3, height, width) is needed")
    names = [plain_name(spec.name) for spec in specs]
    pictures = [
        i
        for i, spec in enumerate(specs)
        if len(spec.shape) in {3, 4} and names[i] not in SIZE_INPUTS
    ]
    if not pictures:
        raise ModelError(f"{_listed(specs)}, and a picture (N, 3, height, width) is needed")
    at = pictures[0]
    layout = _layout(specs[at])
    if layout is None:
        raise ModelError(
            f"{_listed([specs[at]])}, and a picture (N, 3, height, width) or "
            "(N, height, width, 3) is needed; one channel will do"
        )
    fills = {i: _fill(spec, names[i]) for i, spec in enumerate(specs) if i != at}
    dims = dict(zip(layout, specs[at].shape, strict=True))
    shape = (dims.get("N", 1), dims["C"] or 3, dims["H"], dims["W"])
    return ModelInputs(at, layout, shape[1], shape, fills)


def plain_name(name: str) -> str:
    """A tensor's name without scope and output number: ``a/b/scale_factor:0`` is ``scale_factor``."""
    return name.rpartition("/")[2].partition(":")[0].lower()


def format_shape(shape: Sequence[int | None]) -> str:
    """A shape as people write it: ``1×84×?``."""
    return "×".join("?" if d is None else str(d) for d in shape)


def _layout(spec: TensorSpec) -> Layout | None:
    shape = spec.shape
    first: Layout = "NCHW" if len(shape) == 4 else "CHW"
    last: Layout = "NHWC" if len(shape) == 4 else "HWC"
    if shape[-3] in {1, 3}:
        return first
    if shape[-1] in {1, 3}:
        return last
    return first if shape[-3] is None else None


def _fill(spec: TensorSpec, name: str) -> Fill:
    known = SIZE_INPUTS.get(name)
    if known is None:
        raise ModelError(
            f"it has an input {spec.name} {format_shape(spec.shape)} beside the picture, and its "
            "values are not known: export the model with these built in. Inputs that tell a size or "
            f"a scale are filled: {', '.join(SIZE_INPUTS)}"
        )
    if known == (MASK,):
        return MASK
    length = spec.shape[-1] if spec.shape else None
    for fill in known:
        if length in {None, len(fill)} and len(spec.shape) <= 2:
            return fill
    raise ModelError(
        f"its input {spec.name} is {format_shape(spec.shape)}, and "
        f"{' or '.join(str(len(fill)) for fill in known)} numbers for each picture are known of it"
    )


def _listed(specs: Sequence[TensorSpec]) -> str:
    inputs = ", ".join(f"{spec.name} is {format_shape(spec.shape)}" for spec in specs)
    return f"its input {inputs}" if len(specs) == 1 else f"of its inputs {inputs}"

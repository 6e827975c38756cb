"""How a model is given a picture, told by the names and shapes of its inputs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sightline.errors import ModelError
from sightline.model_inputs import ModelInputs, format_shape, plain_name, read_inputs
from sightline.types import TensorSpec

Spec = tuple[str, tuple[int | None, ...]]
IMAGES: Spec = ("images", (None, 3, 640, 640))


def read(*specs: Spec) -> ModelInputs:
    return read_inputs([TensorSpec(*spec) for spec in specs])


@pytest.mark.parametrize(
    ("shape", "layout", "channels", "told"),
    [
        pytest.param((1, 3, 480, 640), "NCHW", 3, (1, 3, 480, 640), id="as usual"),
        pytest.param((None, 3, None, None), "NCHW", 3, (None, 3, None, None), id="open"),
        pytest.param((1, 480, 640, 3), "NHWC", 3, (1, 3, 480, 640), id="channels last"),
        pytest.param((1, 1, 480, 640), "NCHW", 1, (1, 1, 480, 640), id="grey"),
        pytest.param((1, 480, 640, 1), "NHWC", 1, (1, 1, 480, 640), id="grey, channels last"),
        pytest.param((3, 480, 640), "CHW", 3, (1, 3, 480, 640), id="no batch"),
        pytest.param((480, 640, 3), "HWC", 3, (1, 3, 480, 640), id="no batch, channels last"),
        pytest.param((None,) * 4, "NCHW", 3, (None, 3, None, None), id="all open"),
        pytest.param((1, 3, 480, 3), "NCHW", 3, (1, 3, 480, 3), id="a picture of three columns"),
    ],
)
def test_pictures(
    shape: tuple[int | None, ...], layout: str, channels: int, told: tuple[int | None, ...]
) -> None:
    found = read(("x", shape))
    assert (found.picture, found.layout, found.channels, found.shape) == (0, layout, channels, told)
    assert found.is_plain == (layout == "NCHW" and channels == 3)


@pytest.mark.parametrize(
    ("other", "fill"),
    [
        pytest.param(("orig_target_sizes", (None, 2)), ("width", "height"), id="width first"),
        pytest.param(("a/b/Target_Sizes:0", (1, 2)), ("height", "width"), id="with a scope"),
        pytest.param(("im_shape", (1, 3)), ("height", "width", "one"), id="the length tells"),
        pytest.param(("im_shape", (None, None)), ("height", "width"), id="an open length"),
        pytest.param(("scale_factor", (1, 4)), ("one",) * 4, id="four scales"),
        pytest.param(("scale", ()), ("one",), id="a number"),
        pytest.param(("pixel_mask", (None, None, None)), (), id="a mask"),
    ],
)
def test_inputs_that_tell_a_size(other: Spec, fill: tuple[str, ...]) -> None:
    assert dict(read(IMAGES, other).fills) == {1: fill}
    turned = read(other, IMAGES)
    assert (turned.picture, dict(turned.fills)) == (1, {0: fill})
    assert not turned.is_plain


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        pytest.param([], "it has no input", id="none"),
        pytest.param([("x", (1, 84))], "its input x is 1×84, and a picture", id="no picture"),
        pytest.param([("x", (1, 4, 9, 9))], "or .*one channel will do", id="four channels"),
        pytest.param([IMAGES, ("temperature", (1,))], "input temperature 1 beside", id="not known"),
        pytest.param(
            [IMAGES, ("scale", (1, 7))], "scale is 1×7, and 1 or 2 or 4 numbers", id="long"
        ),
        pytest.param([("im_info", (1, 3, 1))], "im_info is 1×3×1", id="a size alone"),
    ],
)
def test_what_is_refused(specs: Sequence[Spec], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        read(*specs)


def test_names_and_shapes_as_people_write_them() -> None:
    assert plain_name("model/Scope/Image_Size:1") == "image_size"
    assert format_shape((1, 84, None)) == "1×84×?"

"""Models of OpenVINO that take one picture, held against arrays that lie as the model wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.engines.graphs.openvino_inputs import dims, port_name, take_one_picture
from sightline.errors import ModelError

ov = pytest.importorskip("openvino", reason="OpenVINO is not installed")

N, H, W = 2, 5, 7


def model(**inputs: tuple[list[int], Any]) -> Any:
    """A model that gives back its inputs."""
    from openvino import opset13 as ops

    ports, results = [], []
    for name, (shape, kind) in inputs.items():
        port = ops.parameter(shape, kind)
        port.output(0).set_names({name})
        same = ops.reshape(port, ops.shape_of(port), special_zero=False)
        same.output(0).set_names({f"{name}_out"})
        ports.append(port)
        results.append(ops.result(same))
    return ov.Model(results, ports)


def run(made: Any, picture: Any) -> dict[str, Any]:
    changed = take_one_picture(made, ov)
    (given,) = changed.inputs
    assert dims(given)[1] == 3
    found = ov.Core().compile_model(changed, "CPU")(picture)
    return {port_name(port).removesuffix("_out"): value for port, value in found.items()}


def pixels(count: int, kind: Any = np.float32) -> Any:
    return np.random.default_rng(4).integers(0, 256, (count, 3, H, W)).astype(kind)


@pytest.mark.parametrize(
    ("shape", "count", "lies"),
    [
        pytest.param([-1, -1, -1, 3], N, lambda x: x.transpose(0, 2, 3, 1), id="channels last"),
        pytest.param([3, -1, -1], 1, lambda x: x[0], id="without a batch"),
        pytest.param([-1, -1, 3], 1, lambda x: x[0].transpose(1, 2, 0), id="both"),
    ],
)
def test_layouts(shape: list[int], count: int, lies: Any) -> None:
    picture = pixels(count)
    assert (run(model(images=(shape, np.float32)), picture)["images"] == lies(picture)).all()


@pytest.mark.parametrize("kind", [np.float32, np.uint8], ids=["floats", "whole numbers"])
def test_grey_is_the_luma_of_bt_601(kind: Any) -> None:
    picture = pixels(N, kind)
    found = run(model(images=([-1, 1, H, W], kind)), picture)["images"]
    red, green, blue = picture.astype(np.float64).transpose(1, 0, 2, 3)
    luma = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
    assert np.abs(found.astype(np.float64) - luma).max() <= (1e-3 if kind == np.float32 else 0.501)


def test_inputs_that_tell_a_size() -> None:
    found = run(
        model(
            orig_target_sizes=([-1, 2], np.int64),
            images=([-1, 3, -1, -1], np.float32),
            scale_factor=([-1, 2], np.float32),
            image_size=([2], np.int32),
            pixel_mask=([-1, -1, -1], np.int64),
        ),
        pixels(N),
    )
    assert found["orig_target_sizes"].tolist() == [[W, H]] * N
    assert found["scale_factor"].tolist() == [[1, 1]] * N
    assert found["image_size"].tolist() == [H, W]
    assert found["pixel_mask"].tolist() == np.ones((N, H, W)).tolist()


def test_what_takes_one_picture_stays_as_it_is() -> None:
    made = model(images=([-1, 3, -1, -1], np.float32))
    assert take_one_picture(made, ov) is made
    with pytest.raises(ModelError, match="temperature"):
        take_one_picture(
            model(images=([1, 3, H, W], np.float32), temperature=([1], np.float32)), ov
        )

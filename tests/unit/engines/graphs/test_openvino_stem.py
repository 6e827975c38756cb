"""The first convolution read from pairs of pixels: the same sums, and only where it is one of stride 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.onnx_models import save_graph

from sightline.config import EngineOptions
from sightline.engines.graphs.openvino_stem import channels_last
from sightline.types import Floats, Normalization

ov = pytest.importorskip("openvino")

from sightline.engines.openvino_ import OpenVinoEngine, shared_core  # noqa: E402 - asks for openvino

ONES = [1.0, 1.0, 1.0]


def model(folder: Path, kernel: tuple[int, int], size: tuple[int, int], **said: Any) -> Path:
    """One convolution of a picture of (height, width), written as ONNX."""
    facts: dict[str, Any] = {"kernel_shape": kernel, "strides": [2, 2], **said}
    nodes = [helper.make_node("Conv", ["images", "kernel", "bias"], ["found"], **facts)]
    random = np.random.default_rng(0)
    weights = {
        "kernel": random.normal(size=(7, 3 // facts.get("group", 1), *kernel)).astype(np.float32),
        "bias": random.normal(size=7).astype(np.float32),
    }
    if facts.get("group"):
        weights = {"kernel": weights["kernel"][:3], "bias": weights["bias"][:3]}
    path = folder / "stem.onnx"
    return save_graph(path, nodes, (1, 3, *size), {"found": (1, "c", "h", "w")}, weights)


def answer(network: Any, picture: Floats) -> Floats:
    compiled = shared_core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(picture)[0])


@pytest.mark.parametrize(
    ("kernel", "pads", "size"),
    [
        pytest.param((3, 3), [1, 1, 1, 1], (32, 48), id="YOLOv8, 11"),
        pytest.param((6, 6), [2, 2, 2, 2], (32, 48), id="YOLOv5, Focus"),
        pytest.param((7, 7), [3, 3, 3, 3], (32, 48), id="ResNet"),
        pytest.param((3, 3), [0, 0, 1, 1], (32, 48), id="padding as TensorFlow has it"),
        pytest.param((3, 3), [0, 0, 0, 0], (31, 46), id="no padding, odd height"),
        pytest.param((2, 2), [0, 0, 0, 0], (32, 48), id="2x2"),
        pytest.param((1, 1), [0, 0, 0, 0], (32, 48), id="1x1"),
        pytest.param((5, 2), [0, 4, 3, 5], (32, 50), id="padding wider than the kernel"),
    ],
)
def test_pairs_of_pixels_give_the_same_sums(
    tmp_path: Path, kernel: tuple[int, int], pads: list[int], size: tuple[int, int]
) -> None:
    path = str(model(tmp_path, kernel, size, pads=pads))
    plain, other = shared_core().read_model(path), shared_core().read_model(path)
    paired = channels_last(other, ov, [1.0, 0.5, 2.0])
    assert paired is not None
    assert paired.outputs[0].names == {"found"}
    picture = np.random.default_rng(1).random((1, 3, *size), np.float32)
    factors = np.array([1.0, 0.5, 2.0], np.float32)[:, None, None]
    expected = answer(plain, picture * factors)
    got = answer(paired, np.ascontiguousarray(picture.transpose(0, 2, 3, 1)))
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param((32, 48), {"strides": [1, 1]}, id="stride 1"),
        pytest.param((32, 48), {"strides": [4, 4]}, id="stride 4"),
        pytest.param((32, 48), {"dilations": [2, 2]}, id="dilated"),
        pytest.param((32, 48), {"group": 3}, id="grouped"),
        pytest.param((32, 48), {"auto_pad": "SAME_UPPER"}, id="padding is not said"),
        pytest.param((32, 47), {}, id="odd width"),
    ],
)
def test_other_beginnings_stay_as_they_are(
    tmp_path: Path, size: tuple[int, int], said: dict[str, Any]
) -> None:
    network = shared_core().read_model(str(model(tmp_path, (3, 3), size, **said)))
    assert channels_last(network, ov, ONES) is None


def test_a_picture_that_two_nodes_read_stays_as_it_is(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["found"], strides=[2, 2]),
        helper.make_node("ReduceMean", ["images"], ["mean"]),
    ]
    weights = {"kernel": np.ones((4, 3, 3, 3), np.float32)}
    outputs: dict[str, Any] = {"found": (1, 4, "h", "w"), "mean": (1, 1, 1, 1)}
    path = save_graph(tmp_path / "two.onnx", nodes, (1, 3, 32, 48), outputs, weights)
    assert channels_last(shared_core().read_model(str(path)), ov, ONES) is None


def test_a_network_in_half_precision_stays_as_it_is(tmp_path: Path) -> None:
    half = TensorProto.FLOAT16
    nodes = [helper.make_node("Conv", ["images", "kernel"], ["found"], strides=[2, 2])]
    weights = {"kernel": np.ones((4, 3, 3, 3), np.float16)}
    path = save_graph(
        tmp_path / "half.onnx",
        nodes,
        (1, 3, 32, 48),
        {"found": (1, 4, "h", "w")},
        weights,
        dtype=half,
        answer=half,
    )
    assert channels_last(shared_core().read_model(str(path)), ov, ONES) is None


@pytest.mark.parametrize(
    "norm",
    [
        pytest.param(Normalization(), id="none"),
        pytest.param(Normalization(1 / 255), id="scale"),
        pytest.param(Normalization(1 / 255, (0.0,) * 3, (0.2, 0.3, 0.4)), id="no mean"),
        pytest.param(
            Normalization(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), id="ImageNet"
        ),
    ],
)
def test_the_engine_normalises_as_before(tmp_path: Path, norm: Normalization) -> None:
    """Zeros of the padding are put after the normalisation, not before."""
    path = model(tmp_path, (3, 3), (32, 48), pads=[1, 1, 1, 1])
    pixels = np.random.default_rng(2).integers(0, 256, (1, 32, 48, 3), np.uint8)
    picture = ((pixels * norm.scale - norm.mean) / norm.std).astype(np.float32)
    expected = answer(
        shared_core().read_model(str(path)), np.ascontiguousarray(picture.transpose(0, 3, 1, 2))
    )
    engine = OpenVinoEngine(path, norm, EngineOptions(precision="fp32"))

    def fill(batch: Any) -> None:
        batch[:] = pixels

    got = engine.submit((1, 32, 48), fill, lambda outputs: outputs[0].copy()).result(20)
    engine.close()
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()

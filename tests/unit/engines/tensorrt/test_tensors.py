"""What is understood of the inputs and outputs of an engine, told by a description of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.engines.tensorrt.options import OptimizationProfile
from sightline.engines.tensorrt.tensors import PlanTensors, plan_tensors
from sightline.errors import ModelError
from sightline.types import TensorSpec

Shape = tuple[int, ...]
PIXELS = ("images", "uint8", (-1, -1, -1, 3))
RANGE = ((1, 8, 16, 3), (2, 16, 16, 3), (4, 32, 64, 3))


def nptype(kind: str) -> Any:
    """As TensorRT's: it has no type for some."""
    if kind == "bfloat16":
        raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
    return np.dtype(kind).type


TRT: Any = SimpleNamespace(
    TensorIOMode=SimpleNamespace(INPUT="in"), TensorFormat=SimpleNamespace(LINEAR="linear"), nptype=nptype
)  # fmt: skip


@dataclass
class Engine:
    """What an ``ICudaEngine`` tells of itself."""

    inputs: list[tuple[str, str, Shape]]
    outputs: list[tuple[str, str, Shape]] = field(default_factory=list)
    profiles: list[tuple[Shape, Shape, Shape]] = field(default_factory=lambda: [RANGE])
    packed: str = ""

    def __post_init__(self) -> None:
        self._all = {name: (kind, shape) for name, kind, shape in self.inputs + self.outputs}
        self.num_io_tensors = len(self._all)
        self.num_optimization_profiles = len(self.profiles)

    def get_tensor_name(self, number: int) -> str:
        return list(self._all)[number]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in {n for n, *_ in self.inputs} else "out"

    def get_tensor_shape(self, name: str) -> Shape:
        return self._all[name][1]

    def get_tensor_dtype(self, name: str) -> str:
        return self._all[name][0]

    def get_tensor_format(self, name: str) -> str:
        return "blocks" if name == self.packed else "linear"

    def get_tensor_format_desc(self, name: str) -> str:
        return "channels in blocks of 32"

    def get_tensor_profile_shape(self, name: str, number: int) -> tuple[Shape, Shape, Shape]:
        return self.profiles[number]


def read(engine: Engine) -> PlanTensors:
    return plan_tensors(TRT, engine, "net.engine")


def test_pixels() -> None:
    found = read(
        Engine([PIXELS], [("boxes", "float32", (-1, 84, 100)), ("kept", "int64", (-1, 1))])
    )
    assert (found.input, found.takes_pixels, found.precision) == ("images", True, "native")
    assert found.profiles == (OptimizationProfile((1, 8, 16), (2, 16, 16), (4, 32, 64)),)
    assert found.shape == (None, None, None, 3)
    assert found.outputs == (TensorSpec("boxes", (None, 84, 100)), TensorSpec("kept", (None, 1)))
    assert found.dtypes == (np.dtype(np.float32), np.dtype(np.int64))


@pytest.mark.parametrize(("kind", "precision"), [("float32", "fp32"), ("float16", "fp16")])
def test_floats_lie_channels_first(kind: str, precision: str) -> None:
    shapes = ((1, 3, 8, 16), (2, 3, 8, 16), (4, 3, 8, 16))
    found = read(Engine([("x", kind, (-1, 3, 8, 16))], profiles=[shapes]))
    assert (found.takes_pixels, found.precision) == (False, precision)
    assert found.shape == (None, 8, 16, 3)


@pytest.mark.parametrize(
    ("second", "shape"),
    [
        pytest.param(((1, 8, 16, 3),) * 3, (1, 8, 16, 3), id="the same"),
        pytest.param(((2, 8, 16, 3),) * 3, (None, 8, 16, 3), id="another batch"),
        pytest.param(((1, 8, 16, 3), (1, 8, 32, 3), (1, 8, 64, 3)), (1, 8, None, 3), id="one is open"),
    ],
)  # fmt: skip
def test_of_several_profiles_what_differs_is_open(
    second: Any, shape: tuple[int | None, ...]
) -> None:
    engine = Engine([PIXELS], profiles=[((1, 8, 16, 3),) * 3, second])
    assert read(engine).shape == shape


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        pytest.param(Engine([]), "its inputs are , and one of", id="no input"),
        pytest.param(
            Engine([PIXELS, ("scale", "float32", (1, 2))]), r"images .*, scale \(1, 2\), and one", id="two"
        ),
        pytest.param(Engine([("x", "float32", (-1, 84))]), r"x \(-1, 84\), and one", id="no picture"),
        pytest.param(Engine([("x", "uint8", (-1, 3, 8, 8))]), "one of uint8", id="channels first"),
        pytest.param(Engine([("x", "float32", (-1, 8, 8, 3))]), "of floats", id="channels last"),
        pytest.param(Engine([("x", "int32", (-1, 8, 8, 3))]), "of uint8", id="whole numbers"),
        pytest.param(
            Engine([PIXELS], packed="images"), "images is laid out as channels in blocks", id="blocks"
        ),
        pytest.param(
            Engine([PIXELS], [("y", "bfloat16", (1,))]), "y is of bfloat16: build .* FP32", id="BF16"
        ),
    ],
)  # fmt: skip
def test_what_is_refused(engine: Engine, said: str) -> None:
    with pytest.raises(ModelError, match=f"net.engine: .*{said}"):
        read(engine)

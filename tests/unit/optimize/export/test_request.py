"""What an exporter is handed: shapes, and those on which an engine of TensorRT is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.optimize.export.request import EngineBuild, ExportRequest, ExportSource


def request_of(**more: Any) -> ExportRequest:
    return ExportRequest(
        source=ExportSource("onnx", "m.onnx"), path=Path("m.xml"), size=(640, 384), **more
    )


@pytest.mark.parametrize(
    ("more", "shape", "given"),
    [
        ({}, (1, 3, 384, 640), (1, 3, 384, 640)),
        ({"batch": 4}, (4, 3, 384, 640), (4, 3, 384, 640)),
        ({"dynamic": frozenset({"batch"})}, (1, 3, 384, 640), (None, 3, 384, 640)),
        ({"dynamic": frozenset({"size"}), "batch": 2}, (2, 3, 384, 640), (2, 3, None, None)),
        ({"dynamic": frozenset({"size", "batch"})}, (1, 3, 384, 640), (None, 3, None, None)),
    ],
)
def test_shapes(
    more: dict[str, Any], shape: tuple[int, ...], given: tuple[int | None, ...]
) -> None:
    request = request_of(**more)
    assert (request.shape, request.input_shape) == (shape, given)


SHAPES = [(1, 384, 640), (2, 384, 640), (1, 640, 640)]


def build(profile: OptimizationProfile | None) -> EngineBuild:
    return EngineBuild(BuildOptions(profile=profile))


def test_an_engine_is_compared_on_shapes_that_it_takes_and_at_least_on_its_usual_one() -> None:
    assert build(None).compared(SHAPES) == SHAPES
    profile = OptimizationProfile((1, 384, 640), (2, 384, 640), (4, 384, 640))
    assert build(profile).compared(SHAPES) == [(2, 384, 640), (1, 384, 640)]
    other = OptimizationProfile((1, 320, 320), (1, 320, 320), (1, 320, 320))
    assert build(other).compared(SHAPES) == [(1, 320, 320)]
